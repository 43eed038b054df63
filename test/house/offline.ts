// Tests run without a network: a connection to anything but this machine fails at once and says so.
import { Socket } from "node:net";

const own = new Set(["127.0.0.1", "::1", "localhost"]);
const connect = Socket.prototype.connect;

/** Host of the arguments of `connect`: (options), (port, host), (path); undefined for a path, which is local. */
function hostOf(args: readonly unknown[]): string | undefined {
  const first = Array.isArray(args[0]) ? (args[0] as unknown[])[0] : args[0];
  if (typeof first === "object" && first !== null) return (first as { host?: string }).host;
  return typeof args[1] === "string" ? args[1] : undefined;
}

Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
  const host = hostOf(args);
  if (host !== undefined && !own.has(host)) throw new Error(`a test reached for the network: ${host}`);
  return (connect as (this: Socket, ...rest: unknown[]) => Socket).apply(this, args);
} as typeof connect;
