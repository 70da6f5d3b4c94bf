/** Something that is dear to work out, while what it depends on keeps changing. */

/** Of the time, the part that it may take. */
const SHARE = 0.1;
/** Milliseconds that it may take at each change. */
const SHORT = 4;

export class Paced<T> {
  private inputs: readonly unknown[] = [];
  private urgent: readonly unknown[] = [];
  private took = 0;
  private done = 0;

  constructor(public value: T) {}

  /**
   * Work it out anew where an input has changed: at once where one of `urgent` has, such as what the user asks for.
   * Return the milliseconds after which to try again, where it is put off; 0 where the value is up to date.
   */
  take(inputs: readonly unknown[], urgent: readonly unknown[], work: () => T): number {
    const asked = !same(urgent, this.urgent);
    if (!asked && same(inputs, this.inputs)) {
      return 0;
    }
    const now = performance.now();
    const wait = this.took > SHORT && !asked ? this.done + this.took / SHARE - now : 0;
    if (wait > 0) {
      return wait;
    }
    [this.inputs, this.urgent] = [inputs, urgent];
    this.value = work();
    this.done = performance.now();
    this.took = this.done - now;
    return 0;
  }
}

function same(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
