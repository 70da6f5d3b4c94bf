/** Rows in the order in which they are shown, sorted once for each change and not for each frame. */

import { Paced } from './paced.js';

export interface Sorting {
  /** Of the column. */
  id: string;
  down: boolean;
}

export class Order<R> {
  private paced = new Paced<readonly R[]>([]);

  /** Another array at each change, except where rows that need no sorting were changed in place. */
  get shown(): readonly R[] {
    return this.paced.value;
  }

  /** Take rows in; return milliseconds to wait before the next try, where sorting them now is too dear. */
  take(
    rows: readonly R[],
    version: number,
    sorting: Sorting | null,
    compare: ((one: R, other: R) => number) | undefined,
  ): number {
    if (!sorting || !compare) {
      return this.paced.take([rows, version], [null], () => rows);
    }
    const sign = sorting.down ? -1 : 1;
    return this.paced.take([rows, version], [sorting], () =>
      [...rows].sort((one, other) => sign * compare(one, other)),
    );
  }
}
