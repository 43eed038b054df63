// Serves the built package, the fixtures (with ranges) and one page to a headless Chromium of the system, and drops and
// chooses files on that page as a person would. The page resolves `tenon/browser` and its two dependencies by an import
// map, without a bundler.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { sendRange } from "../bytes/http/server.ts";

const root = join(import.meta.dirname, "../..");
const candidates = [
  process.env["CHROMIUM_PATH"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];
const served = /^\/(dist|node_modules\/(zod|re2js)|test\/fixtures)\//;
/** Files that a page asks for to see whether they are there. */
const probed = /^\/test\/fixtures\//;
const types: Readonly<Record<string, string>> = { ".js": "text/javascript", ".wasm": "application/wasm" };

const page = `<!doctype html><meta charset="utf-8"><title>tenon</title>
<script type="importmap">${JSON.stringify({
  imports: {
    "tenon/browser": "/dist/browser.js",
    zod: "/node_modules/zod/index.js",
    "zod/": "/node_modules/zod/",
    re2js: "/node_modules/re2js/build/index.js",
  },
})}</script>
<input type="file" id="base" webkitdirectory><input type="file" id="adapter" webkitdirectory>
<script type="module">
  window.load = (specifier) => import(specifier);
  window.dropped = [];
  window.chosen = (id) => document.getElementById(id).files;
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    window.dropped = [...event.dataTransfer.files];
  });
</script>`;

/** What the page offers to functions that run on it. An `import()` written in a test would be vitest's own. */
export interface PageGlobals {
  load(specifier: string): Promise<Record<string, unknown>>;
  readonly dropped: readonly File[];
  /** What was chosen in the input for a directory. */
  chosen(id: "base" | "adapter"): FileList;
}

/** A page on which tests run; `problems` collects uncaught errors and failed requests. */
export interface Harness extends AsyncDisposable {
  readonly page: Page;
  /** Of the server, without a slash at its end. */
  readonly url: string;
  readonly problems: readonly string[];
  /** `/dist/browser.js whole`, `/test/fixtures/… bytes=0-99`, in order. */
  readonly requests: readonly string[];
  /** Drops files on the page; they are `window.dropped` there, an array of File. */
  drop(files: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Promise<void>;
  /** Chooses a directory of the fixtures in one of the two inputs. */
  choose(id: "base" | "adapter", path: string): Promise<void>;
}

/** Path of a Chromium on this machine. */
function chromiumPath(): string {
  for (const path of candidates) {
    try {
      if (path !== undefined && readFileSync(path).byteLength > 0) return path;
    } catch {
      // Not there: the next candidate may be.
    }
  }
  throw new Error("no Chromium found: apt-get install chromium, or set CHROMIUM_PATH");
}

async function serve(requests: string[]): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    requests.push(`${pathname} ${request.headers.range ?? "whole"}`);
    if (pathname === "/") {
      response.writeHead(200, { "content-type": "text/html" }).end(page);
      return;
    }
    const path = normalize(pathname);
    if (!served.test(path)) {
      response.writeHead(pathname === "/favicon.ico" ? 204 : 404).end();
      return;
    }
    try {
      const type = types[extname(path)] ?? "application/octet-stream";
      sendRange(request, response, readFileSync(join(root, path)), { "content-type": type });
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Starts a server on 127.0.0.1 and a browser with one page open. */
export async function openHarness(): Promise<Harness> {
  const requests: string[] = [];
  const server = await serve(requests);
  let browser: Browser | undefined;
  try {
    browser = await chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox"] });
    return await harnessOf(server, browser, requests);
  } catch (error) {
    await browser?.close();
    server.close();
    throw error;
  }
}

async function harnessOf(server: Server, browser: Browser, requests: string[]): Promise<Harness> {
  const tab = await browser.newPage();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const problems: string[] = [];
  tab.on("pageerror", (error) => problems.push(String(error)));
  tab.on("response", (response) => {
    if (response.status() < 400 || probed.test(new URL(response.url()).pathname)) return;
    problems.push(`${response.status()} ${response.url()}`);
  });
  await tab.goto(`${url}/`);
  return {
    page: tab,
    url,
    problems,
    requests,
    async choose(id, path) {
      await tab.locator(`#${id}`).setInputFiles(join(root, "test/fixtures", path));
    },
    async drop(files) {
      const texts = files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString("base64") }));
      await tab.evaluate((list) => {
        const transfer = new DataTransfer();
        for (const { name, base64 } of list) {
          const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
          transfer.items.add(new File([bytes], name));
        }
        dispatchEvent(new DragEvent("drop", { dataTransfer: transfer }));
      }, texts);
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
