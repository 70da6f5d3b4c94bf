/** What several views follow at once: it begins with the first of them, ends with the last, and is read when it must be. */

import type { Unwatch } from '../value.js';

/** Whoever uses something; it is kept up to date while there is anybody. */
export class Users {
  private count = 0;
  private endings: Unwatch[] = [];

  /** `begin` returns what takes back what it does. */
  constructor(private begin: () => Unwatch[]) {}

  get any(): boolean {
    return this.count > 0;
  }

  /** Use it until the function returned is called. */
  use(): Unwatch {
    if (this.count++ === 0) {
      this.endings = this.begin();
    }
    let used = true;
    return () => {
      if (used && --this.count === 0) {
        this.endings.splice(0).forEach(end => end());
      }
      used = false;
    };
  }
}

/** A reading of which there is one at a time: who asks during one is served by one more after it. */
export class Reading {
  private now: Promise<void> | null = null;
  private more = false;

  /** `read` tells its errors itself; `next` begins the one more. */
  constructor(
    private read: () => Promise<void>,
    private next: () => void = () => void this.ask(),
  ) {}

  get busy(): boolean {
    return this.now !== null;
  }

  /** Return when the reading has ended that is under way or begins. */
  ask(): Promise<void> {
    if (this.now) {
      this.more = true;
      return this.now;
    }
    this.now = this.read().finally(() => {
      this.now = null;
      if (this.more) {
        this.more = false;
        this.next();
      }
    });
    return this.now;
  }
}

/** What is done later, unless all of it is taken back. */
export class Timers {
  private running = new Set<ReturnType<typeof setTimeout>>();

  later(milliseconds: number, act: () => unknown): void {
    const timer = setTimeout(() => {
      this.running.delete(timer);
      act();
    }, milliseconds);
    this.running.add(timer);
  }

  clear(): void {
    this.running.forEach(clearTimeout);
    this.running.clear();
  }
}
