import { httpTree } from "../../src/bytes/index.ts";
import { serve } from "../bytes/http/server.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "is behind a redirect to a local file",
  refusal: "TENON_BYTES_READ",
  async run() {
    await using server = await serve(new Map(), (_, response) => {
      response.writeHead(302, { location: "file:///etc/passwd" }).end();
      return true;
    });
    return await httpTree(`${server.url}/files/model.bin`, { retries: 0 }).open("model.bin");
  },
};
export default hostile;
