/** A value that others watch. */

export type Unwatch = () => void;

export class Value<T> {
  private watchers = new Set<(value: T) => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set(value: T): void {
    this.current = value;
    this.tell();
  }

  /** Tell that what the value holds has changed in place. */
  tell(): void {
    for (const told of [...this.watchers]) {
      told(this.current);
    }
  }

  /** Call `told` at each change, not now; the function returned takes that back. */
  watch(told: (value: T) => void): Unwatch {
    this.watchers.add(told);
    return () => this.watchers.delete(told);
  }

  get watched(): number {
    return this.watchers.size;
  }
}
