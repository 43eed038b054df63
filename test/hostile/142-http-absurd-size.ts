import { httpTree } from "../../src/bytes/index.ts";
import { serve } from "../bytes/http/server.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "is said to have more bytes than can be counted",
  refusal: "TENON_HTTP_BAD_RANGE",
  async run() {
    await using server = await serve(new Map(), (_, response) => {
      response.writeHead(206, { "content-range": "bytes 0-9/99999999999999999999" }).end("0123456789");
      return true;
    });
    return await httpTree(`${server.url}/files/model.bin`, { retries: 0 }).open("model.bin");
  },
};
export default hostile;
