/** Values that one view leaves for the form of another: a queue that is clicked is the queue to submit to. */

import type { Channel } from '../channel/channel.js';
import { oneForChannel } from './shared.js';
import { Value } from '../value.js';

const left = new WeakMap<Channel, Map<string, Record<string, unknown>>>();

/** Tells that something was left: in JupyterLab the form may be there already, in another tab. */
export const prefills = oneForChannel(() => new Value(0));

/** Leave values, by field, for the submit form of an endpoint. */
export function prefill(channel: Channel, endpoint: string, values: Record<string, unknown>): void {
  let mine = left.get(channel);
  if (!mine) {
    left.set(channel, (mine = new Map<string, Record<string, unknown>>()));
  }
  mine.set(endpoint, values);
  prefills(channel).tell();
}

/** Return what was left, once; null: nothing. */
export function takePrefill(channel: Channel, endpoint: string): Record<string, unknown> | null {
  const mine = left.get(channel);
  const values = mine?.get(endpoint) ?? null;
  mine?.delete(endpoint);
  return values;
}
