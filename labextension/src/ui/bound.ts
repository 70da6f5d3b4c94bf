/** A widget's traits and its view's state, kept alike. */

import type { ReactiveController } from 'lit';

import type { Binding, BoundView } from './bindings.js';
import type { CommModel } from './channel/comm.js';
import type { Unwatch } from './value.js';

/** What of an anywidget's model is used. */
export interface CellModel extends CommModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
}

/** Keeps a model's traits and a view's state alike, for as long as the view is there. */
export class Bound implements ReactiveController {
  private endings: Unwatch[] = [];
  /** Traits that the view hasn't taken yet. */
  private late = new Set<Binding>();
  /** The trait that is being told of: its change is not to be put back. */
  private telling = '';

  constructor(
    readonly view: BoundView,
    private model: CellModel,
    private bindings: readonly Binding[],
  ) {
    for (const binding of bindings) {
      const event = `change:${binding.trait}`;
      const put = () => {
        if (this.telling !== binding.trait) {
          this.put(binding);
        }
      };
      model.on(event, put);
      this.endings.push(() => model.off(event, put));
      if (binding.watch) {
        this.endings.push(binding.watch(view, value => this.tell(new Map([[binding.trait, value]]))));
      }
      if (!blank(model.get(binding.trait))) {
        this.late.add(binding); // a view takes nothing before it has been drawn
      }
    }
    view.addController(this);
    if (view.hasUpdated) {
      this.hostUpdated();
    }
  }

  hostUpdated(): void {
    for (const binding of [...this.late]) {
      this.late.delete(binding);
      this.put(binding);
    }
    const ready = this.bindings.filter(binding => !this.late.has(binding));
    this.tell(new Map(ready.map(({ trait, get }) => [trait, get(this.view)])));
  }

  end(): void {
    this.view.removeController(this);
    this.endings.splice(0).forEach(end => end());
  }

  private put(binding: Binding): void {
    const value = this.model.get(binding.trait);
    if (!same(binding.get(this.view), value) && binding.put(this.view, value) === false) {
      this.late.add(binding);
    }
  }

  private tell(news: ReadonlyMap<string, unknown>): void {
    let changed = false;
    for (const [trait, value] of news) {
      if (value !== undefined && !same(value, this.model.get(trait))) {
        this.telling = trait;
        this.model.set(trait, value);
        changed = true;
      }
    }
    this.telling = '';
    if (changed) {
      this.model.save_changes();
    }
  }
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function blank(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === '' ||
    value === false ||
    (typeof value === 'object' && !Object.keys(value).length)
  );
}
