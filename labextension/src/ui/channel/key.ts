/** Ids that nobody else makes. */

/** Return one. `crypto.randomUUID` is not there on plain HTTP to another host, where Jupyter is used as well. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');
}
