/** What the stream needs of a WebSocket: browsers, Node 22 and the package `ws` have one. */
export interface Socket {
  addEventListener(type: "open" | "close" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  send(text: string): void;
  close(code?: number): void;
}

export type SocketConstructor = new (url: string) => Socket;

/** The address of the stream beside an API: `https://host/base` becomes `wss://host/base/api/v1/stream`. */
export function streamUrl(baseUrl: string): string {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const url = new URL(`${baseUrl.replace(/\/+$/, "")}/api/v1/stream`, page);
  url.protocol = url.protocol.replace(/^http/, "ws");
  return url.href;
}
