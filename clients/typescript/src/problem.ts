/** Refusals of the API (RFC 9457). */
import type { components } from "./schema.js";

export type ProblemDetails = components["schemas"]["ProblemDetails"];

/** A refusal. `problem.type` is stable and made for programs; `problem.request_id` names the request in the logs. */
export class ProblemError extends Error {
  constructor(
    readonly problem: ProblemDetails,
    /** When to ask again: after 429 and 503. */
    readonly retryAfterSeconds: number | undefined,
  ) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
    this.name = "ProblemError";
  }
}

interface Answered<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer of a call, or a `ProblemError`: `const { data, meta } = await answered(explorer.GET(…))`. */
export async function answered<T>(call: Promise<Answered<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (data === undefined) {
    const after = response.headers.get("Retry-After");
    throw new ProblemError(asProblem(error, response), after === null ? undefined : Number(after));
  }
  return data;
}

/** What stands before the explorer may refuse too, in its own words. */
function asProblem(error: unknown, response: Response): ProblemDetails {
  if (typeof error === "object" && error !== null && "type" in error && "title" in error) {
    return error as ProblemDetails;
  }
  const title = response.statusText || `HTTP ${response.status}`;
  return { type: "about:blank", title, status: response.status, detail: typeof error === "string" ? error : "" };
}
