import { httpTree } from "../../src/bytes/index.ts";
import { serve } from "../bytes/http/server.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "is behind a server that never stops sending",
  refusal: "TENON_HTTP_NO_RANGES",
  async run() {
    await using server = await serve(new Map(), (_, response) => {
      const more = (): void => {
        if (!response.destroyed) response.write(new Uint8Array(1_000_000), more);
      };
      more();
      return true;
    });
    return await httpTree(`${server.url}/files/model.bin`, { retries: 0 }).open("model.bin");
  },
};
export default hostile;
