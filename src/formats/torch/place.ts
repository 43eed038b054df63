import { HostValue } from "../../pickle/index.ts";

/** Where a tensor goes inside an object that is about to be written: the entry's name. */
export class TensorPlace extends HostValue {
  readonly what = "a tensor's place";
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}
