/** A widget's model without a kernel: what the page sends is kept, and tests answer it. */

import type { CellModel } from '../src/ui/bound.js';

type Told = (...news: never[]) => void;

export class FakeModel implements CellModel {
  readonly sent: { content: Record<string, unknown>; buffers: ArrayBuffer[] }[] = [];
  readonly saved: Record<string, unknown>[] = [];
  answer: (content: Record<string, unknown>, buffers: ArrayBuffer[]) => void = () => undefined;
  private told = new Map<string, Set<Told>>();
  private unsaved: Record<string, unknown> = {};

  constructor(private traits: Record<string, unknown> = {}) {}

  get(name: string): unknown {
    return this.traits[name];
  }

  set(name: string, value: unknown): void {
    this.traits[name] = value;
    this.unsaved[name] = value;
    this.tell(`change:${name}`);
  }

  save_changes(): void {
    this.saved.push(this.unsaved);
    this.unsaved = {};
  }

  /** Have Python set a trait. */
  assign(name: string, value: unknown): void {
    this.traits[name] = value;
    this.tell(`change:${name}`);
  }

  send(content: unknown, _callbacks?: unknown, buffers: ArrayBuffer[] = []): void {
    this.sent.push({ content: content as Record<string, unknown>, buffers });
    this.answer(content as Record<string, unknown>, buffers);
  }

  /** Have a message come from the kernel. */
  receive(content: unknown, buffers: Uint8Array[] = []): void {
    const views = buffers.map(one => new DataView(one.buffer, one.byteOffset, one.byteLength));
    for (const told of [...(this.told.get('msg:custom') ?? [])]) {
      told(content as never, views as never);
    }
  }

  on(event: string, told: Told): void {
    this.told.set(event, (this.told.get(event) ?? new Set()).add(told));
  }

  off(event: string, told: Told): void {
    this.told.get(event)?.delete(told);
  }

  /** How many listen. */
  get listeners(): number {
    return [...this.told.values()].reduce((sum, one) => sum + one.size, 0);
  }

  private tell(event: string): void {
    for (const told of [...(this.told.get(event) ?? [])]) {
      told();
    }
  }
}
