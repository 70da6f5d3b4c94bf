/** A view as the part of an address behind `#`, and back: what people send each other. */

import type { View } from './wire/types.js';

const ALONE = new Set<string>(['map', 'log', 'explorer', 'join', 'launch']);
const VIEWS = new Set<string>(['endpoint', 'plugin', 'jobs', 'job', 'monitor', 'queues', 'files', ...ALONE]);

/** `#/jobs/hpc1/psij`, `#/job/hpc1/psij/ID`, `#/map`. */
export function toHash(view: View): string {
  const parts = [view.view, view.endpoint, view.plugin, view.job].map(part => encodeURIComponent(part ?? ''));
  return `#/${parts.join('/').replace(/\/+$/, '')}`;
}

/** Return the view of an address, or null where it names none. */
export function fromHash(hash: string): View | null {
  let parts: string[];
  try {
    parts = hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  } catch {
    return null;
  }
  const [view = '', endpoint = '', plugin = '', job = ''] = parts;
  if (!VIEWS.has(view) || (!ALONE.has(view) && !endpoint)) {
    return null;
  }
  const named = { ...(endpoint && { endpoint }), ...(plugin && { plugin }), ...(job && { job }) };
  return { view: view as View['view'], ...named };
}
