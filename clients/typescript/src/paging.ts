/** Lists longer than a page. */

export interface Paged<T> {
  data: T[];
  page: { next: string | null };
}

/**
 * Every row of a list, page after page, each read when it is wanted.
 *
 * After a reorg below the cursor the API answers 409 and this throws a `ProblemError` whose
 * `problem.restart_block` is the highest block that still stands: drop what you have above it and begin anew.
 */
export async function* rows<T>(read: (cursor: string | null) => Promise<Paged<T>>): AsyncGenerator<T, void, undefined> {
  let cursor: string | null = null;
  do {
    const page: Paged<T> = await read(cursor);
    yield* page.data;
    cursor = page.page.next;
  } while (cursor !== null);
}
