/**
 * Typed client of the Pend explorer.
 *
 * `schema.d.ts` is generated from the API's OpenAPI document (`npm run generate`); nothing here repeats it.
 */
export type { components, paths } from "./schema.js";
export * from "./explorer.js";
export type * from "./messages.js";
export * from "./paging.js";
export * from "./problem.js";
export { openStream, Stream, type StreamOptions, type StreamState } from "./stream.js";
export type { StreamPosition } from "./position.js";
export type { Socket, SocketConstructor } from "./socket.js";
