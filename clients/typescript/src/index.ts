/**
 * Typed client of the Pend explorer.
 *
 * `schema.d.ts` is generated from the API's OpenAPI document (`npm run generate`); nothing here repeats it.
 */
import createFetchClient, { type Client, type ClientOptions } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, paths } from "./schema.js";
export * from "./stream.js";

export type Schemas = components["schemas"];
export type ProblemDetails = Schemas["ProblemDetails"];

export interface ExplorerOptions extends ClientOptions {
  /** Sent as `X-Api-Key`: more requests a minute. */
  apiKey?: string;
}

export type Explorer = Client<paths>;

/** A refusal of the API (RFC 9457). `problem.request_id` names the request in its logs. */
export class ProblemError extends Error {
  constructor(
    readonly problem: ProblemDetails,
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
    this.name = "ProblemError";
  }
}

/** A client: `await explorer.GET("/api/v1/blocks/{block}", { params: { path: { block: "latest" } } })`. */
export function createExplorer(options: ExplorerOptions): Explorer {
  const { apiKey, headers, ...rest } = options;
  const client = createFetchClient<paths>({
    ...rest,
    headers: { ...(headers as Record<string, string> | undefined), ...(apiKey ? { "X-Api-Key": apiKey } : {}) },
  });
  return client;
}

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer of a call, or a `ProblemError`: `const block = await answered(explorer.GET(…))`. */
export async function answered<T>(call: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (data === undefined || error !== undefined) {
    const after = response.headers.get("Retry-After");
    throw new ProblemError(asProblem(error, response), after === null ? undefined : Number(after));
  }
  return data;
}

function asProblem(error: unknown, response: Response): ProblemDetails {
  if (typeof error === "object" && error !== null && "status" in error && "title" in error) {
    return error as ProblemDetails;
  }
  return { type: "about:blank", title: response.statusText, status: response.status, detail: String(error ?? "") };
}

interface Paged<T> {
  data: T[];
  page: { next?: string | null };
}

/**
 * Every row of a list, page after page.
 *
 * After a reorg below the cursor the API answers 409 and this throws a `ProblemError` whose
 * `problem.restart_block` is the highest block that still stands: drop what you have above it and begin anew.
 */
export async function* rows<T>(read: (cursor: string | undefined) => Promise<Paged<T>>): AsyncGenerator<T> {
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    yield* page.data;
    cursor = page.page.next ?? undefined;
  } while (cursor !== undefined);
}
