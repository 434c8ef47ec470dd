/** The HTTP API: every path, parameter and answer is typed by the schema. */
import createFetchClient, { type Client, type ClientOptions } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type Schemas = components["schemas"];

export interface ExplorerOptions extends ClientOptions {
  /** Sent as `X-Api-Key`: more requests a minute. It is seen by everyone who can open the page that uses it. */
  apiKey?: string;
  /** Told of each answer of a route that will go away. */
  onDeprecated?: (deprecation: Deprecation) => void;
}

/** What a route that goes away says of itself (RFC 9745, RFC 8594). */
export interface Deprecation {
  url: string;
  since: Date;
  /** From then on it may answer 404. */
  sunset: Date | undefined;
  /** What takes its place. */
  successor: string | undefined;
}

export type Explorer = Client<paths>;

/** A client: `await explorer.GET("/api/v1/blocks/{block}", { params: { path: { block: "latest" } } })`. */
export function createExplorer(options: ExplorerOptions = {}): Explorer {
  const { apiKey, onDeprecated, ...rest } = options;
  const client = createFetchClient<paths>(rest);
  if (apiKey !== undefined) {
    client.use({
      onRequest({ request }) {
        request.headers.set("X-Api-Key", apiKey);
      },
    });
  }
  if (onDeprecated !== undefined) {
    client.use({
      onResponse({ request, response }) {
        const deprecation = deprecationOf(request.url, response.headers);
        if (deprecation !== undefined) onDeprecated(deprecation);
      },
    });
  }
  return client;
}

/** What the headers of an answer say of the route's end; undefined where it stays. */
export function deprecationOf(url: string, headers: Headers): Deprecation | undefined {
  const since = /^@(\d+)$/.exec(headers.get("Deprecation") ?? "")?.[1];
  if (since === undefined) return undefined;
  const sunset = headers.get("Sunset");
  return {
    url,
    since: new Date(Number(since) * 1000),
    sunset: sunset === null ? undefined : new Date(sunset),
    successor: /<([^>]*)>;\s*rel="successor-version"/.exec(headers.get("Link") ?? "")?.[1],
  };
}
