import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";

it("a test cannot reach the network", async () => {
  // 192.0.2.0/24 is reserved for documentation (RFC 5737): nobody answers there.
  const failure = await fetch("http://192.0.2.1/").catch((error: unknown) => error);
  expect(String((failure as Error).cause)).toContain("a test reached for the network: 192.0.2.1");
});

it("a test can reach a server of its own", async () => {
  const server = createServer((_, response) => response.end("here"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("here");
  server.close();
});
