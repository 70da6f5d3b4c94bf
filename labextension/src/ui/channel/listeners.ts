/** Who wants which events. */

import type { Unwatch } from '../value.js';
import type { Gap, Interest, OrbitEvent } from './channel.js';

interface Listener {
  interest: Interest;
  told: (event: OrbitEvent) => void;
  gap: ((gap: Gap) => void) | undefined;
}

export class Listeners {
  private all = new Set<Listener>();

  get count(): number {
    return this.all.size;
  }

  add(interest: Interest, told: (event: OrbitEvent) => void, gap?: (gap: Gap) => void): Unwatch {
    const listener = { interest, told, gap };
    this.all.add(listener);
    return () => this.all.delete(listener);
  }

  /** Tell of an event; `read` decodes its data, which nobody does where nobody listens. */
  tell(head: Omit<OrbitEvent, 'data'>, read: () => Record<string, unknown>): void {
    let event: OrbitEvent | undefined;
    for (const listener of [...this.all]) {
      if (fits(listener.interest, head)) {
        event ??= { ...head, data: read() };
        try {
          listener.told(event);
        } catch (error) {
          console.error(error); // what an endpoint says may be anything: the others are told all the same
        }
      }
    }
  }

  tellGap(gap: Gap): void {
    for (const listener of [...this.all]) {
      if (
        !gap.endpoint ||
        fits({ endpoint: listener.interest.endpoint ?? '' }, { ...gap, plugin: '', topic: '' })
      ) {
        listener.gap?.(gap);
      }
    }
  }
}

function fits(interest: Interest, event: { endpoint: string; plugin: string; topic: string }): boolean {
  return (
    (!interest.endpoint || interest.endpoint === event.endpoint) &&
    (!interest.plugin || interest.plugin === event.plugin) &&
    (!interest.topic || interest.topic === event.topic)
  );
}
