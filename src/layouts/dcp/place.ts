/** Where an item lies: a file of the checkpoint (relative to `.metadata`) and a range of it. */
export interface Place {
  readonly file: string;
  readonly byteOffset: number;
  readonly byteLength: number;
}
