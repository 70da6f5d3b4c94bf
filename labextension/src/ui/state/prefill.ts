/** Values that one view leaves for the form of another: a queue that is clicked is the queue to submit to. */

import type { Channel } from '../channel/channel.js';
import { oneForChannel } from './shared.js';
import { Value } from '../value.js';

/** What was left, by endpoint; it tells of more: in JupyterLab the form may be there already, in another tab. */
export const prefills = oneForChannel(() => new Value(new Map<string, Record<string, unknown>>()));

/** Leave values, by field, for the submit form of an endpoint. */
export function prefill(channel: Channel, endpoint: string, values: Record<string, unknown>): void {
  prefills(channel).value.set(endpoint, values);
  prefills(channel).tell();
}

/** Return what was left, once; null: nothing. */
export function takePrefill(channel: Channel, endpoint: string): Record<string, unknown> | null {
  const left = prefills(channel).value;
  const values = left.get(endpoint) ?? null;
  left.delete(endpoint);
  return values;
}
