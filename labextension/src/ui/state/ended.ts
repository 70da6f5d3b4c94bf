/** Which states of jobs and tasks are their end. */

const ENDED = new Set([
  'COMPLETED',
  'DONE',
  'FAILED',
  'CANCELED',
  'CANCELLED',
  'TIMEOUT',
  'NODE_FAIL',
  'OUT_OF_MEMORY',
]);

export function ended(state: string): boolean {
  return ENDED.has(state);
}
