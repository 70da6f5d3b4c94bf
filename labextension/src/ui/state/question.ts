/** Something that is asked now and again, and whose last answer stays while there is none that is newer. */

import { asOrbitError, type OrbitError } from '../channel/errors.js';

export class Question<T> {
  value: T | undefined;
  /** Why the last one wasn't answered; null: it was. */
  error: OrbitError | null = null;
  busy = false;
  /** When the value came, in milliseconds since the epoch. */
  came = 0;

  private ended = false;
  private again: boolean | null = null;

  /** `changed` is told of each change; `ask` gets whether the answer must be new. */
  constructor(
    private changed: () => void,
    private get: (force: boolean) => Promise<T>,
  ) {}

  /** Ask; who asks while an answer is awaited is served by one more question. */
  async ask(force = false): Promise<void> {
    if (this.busy) {
      this.again = force || (this.again ?? false);
      return;
    }
    this.busy = true;
    this.changed();
    try {
      this.take(await this.get(force));
      this.error = null;
    } catch (thrown) {
      this.error = asOrbitError(thrown);
    }
    this.busy = false;
    const again = this.again;
    this.again = null;
    if (this.ended) {
      return;
    }
    this.changed();
    if (again !== null) {
      await this.ask(again);
    }
  }

  /** Have it know something newer. */
  take(value: T): void {
    this.value = value;
    this.came = Date.now();
    if (!this.ended) {
      this.changed();
    }
  }

  /** Nobody wants to know any more. */
  end = (): void => {
    this.ended = true;
  };
}
