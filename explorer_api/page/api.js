// The public API, and nothing else.

export class Failed extends Error {
  constructor(problem, status) {
    super(problem.detail || problem.title || `the API answered ${status}`);
    this.title = problem.title || "Something went wrong";
    this.status = status;
  }
}

export async function get(path) {
  let answer;
  try {
    answer = await fetch(`api/v1/${path}`, { headers: { accept: "application/json" } });
  } catch {
    throw new Failed({ title: "The API does not answer", detail: "Check the connection and try again." }, 0);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Failed(body, answer.status);
  return body;
}

// What a view can do without: null where the API has no answer.
export async function maybe(path) {
  try {
    return await get(path);
  } catch (error) {
    if (error instanceof Failed) return null;
    throw error;
  }
}
