// Requests. The token lives here, in memory, and nowhere else.

let token = "";

export const hasToken = () => token !== "";

export function setToken(text) {
  token = text;
}

export class Problem extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export async function open(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response) {
  let detail = `${response.status} ${response.statusText}`;
  try {
    const told = await response.json();
    detail = told.detail ?? detail;
    if (told.problems?.length) detail += `\n${told.problems.map(place).join("\n")}`;
  } catch { /* not a problem of ours */ }
  return new Problem(response.status, detail, Number(response.headers.get("Retry-After")) || 0);
}

const place = (found) => `${found.file}:${found.line}:${found.column}: ${found.severity}: ${found.rule}: ${found.message}`;

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined));
  const text = query.toString();
  return (await open(text ? `${path}?${text}` : path)).json();
}

export async function send(method, path, body) {
  const options = { method };
  if (body !== undefined) options.body = JSON.stringify(body);
  return (await open(path, options)).json();
}

export const endpointPath = (id) => `api/v1/endpoints/${encodeURIComponent(id)}/state`;
