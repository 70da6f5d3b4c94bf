import { html, type TemplateResult } from 'lit';
import { expect, test } from 'vitest';

import { Order } from '../src/ui/parts/rows/order.js';
import { Paced } from '../src/ui/parts/rows/paced.js';
import '../src/ui/parts/rows/rows.js';
import type { Column, Rows } from '../src/ui/parts/rows/rows.js';
import { all, mount, settled, textOf } from './mount.js';

interface Row {
  id: string;
  size: number;
}

const COLUMNS: Column<Row>[] = [
  { id: 'id', title: 'Name', cell: row => row.id },
  { id: 'size', title: 'Size', cell: row => row.size, sort: (one, other) => one.size - other.size, number: true },
];

function rowsOf(count: number): Row[] {
  return Array.from({ length: count }, (_, index) => ({ id: `r${index}`, size: (index * 7919) % count }));
}

function table(rows: Row[], selected: ReadonlySet<string> | null = null, more = html``): TemplateResult {
  return html`<orbit-rows
      .columns=${COLUMNS}
      .rows=${rows}
      .key=${(row: Row) => row.id}
      .selected=${selected}
    ></orbit-rows
    >${more}`;
}

const shown = (element: Rows<Row>) => all(element, '.rows .line');
const grid = (element: Rows<Row>) => all(element, '[role=grid]')[0]!;

function press(element: Rows<Row>, key: string, more: KeyboardEventInit = {}): void {
  grid(element).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
}

function told<T>(element: HTMLElement, name: string): T[] {
  const details: T[] = [];
  element.addEventListener(name, event => details.push((event as CustomEvent<T>).detail));
  return details;
}

test('of 100,000 rows only some are in the DOM, and the grid says how many there are', async () => {
  const element = await mount<Rows<Row>>(table(rowsOf(100_000)));
  expect(shown(element).length).toBeGreaterThan(10);
  expect(shown(element).length).toBeLessThan(60);
  expect(grid(element).getAttribute('aria-rowcount')).toBe('100001');
});

test('a click on a head sorts up, then down, then as given', async () => {
  const element = await mount<Rows<Row>>(table(rowsOf(50)));
  const first = () => textOf(shown(element)[0]!).trim();
  const head = all(element, '[role=columnheader] button')[0]!;
  const sorted = () => head.parentElement!.getAttribute('aria-sort');
  const seen = [];
  for (let click = 0; click < 3; click += 1) {
    head.click();
    await settled();
    seen.push([sorted(), first()]);
  }
  expect(seen).toEqual([
    ['ascending', 'r0 0'],
    ['descending', 'r21 49'],
    ['none', 'r0 0'],
  ]);
});

test('sorting happens once for rows that stay the same, however often the table is drawn', async () => {
  let compared = 0;
  const columns = [
    { ...COLUMNS[1]!, sort: (one: Row, other: Row) => ((compared += 1), one.size - other.size) },
  ] as Column<Row>[];
  const element = await mount<Rows<Row>>(
    html`<orbit-rows .columns=${columns} .rows=${rowsOf(1000)} .key=${(row: Row) => row.id}></orbit-rows>`,
  );
  all(element, '[role=columnheader] button')[0]!.click();
  await settled();
  const once = compared;
  expect(once).toBeGreaterThan(0);
  for (let draw = 0; draw < 5; draw += 1) {
    element.requestUpdate();
    await settled();
  }
  expect(compared).toBe(once);
});

test('rows that keep changing are not sorted at each change where that is dear', () => {
  const order = new Order<number>();
  let sorted = 0;
  const dear = (one: number, other: number) => one - other;
  const rows = [3, 2, 1];
  const slow = { id: 'a', down: false };
  const paced = new Paced<number>(0);
  expect(order.take(rows, 0, slow, dear)).toBe(0);
  expect(order.shown).toEqual([1, 2, 3]);
  const work = () => {
    sorted += 1;
    const end = performance.now() + 8;
    while (performance.now() < end);
    return sorted;
  };
  expect(paced.take([1], ['a'], work)).toBe(0);
  expect(paced.take([2], ['a'], work)).toBeGreaterThan(20);
  expect(paced.take([2], ['b'], work)).toBe(0); // what the user asks for happens at once
  expect(sorted).toBe(2);
});

test('the keyboard moves, activates and selects', async () => {
  const element = await mount<Rows<Row>>(table(rowsOf(20), new Set()));
  const selected = told<string[]>(element, 'orbit-select');
  const activated = told<string>(element, 'orbit-activate');
  press(element, 'ArrowDown');
  press(element, 'ArrowDown');
  press(element, 'Enter');
  expect(activated).toEqual(['r1']);
  press(element, ' ');
  expect(selected.at(-1)).toEqual(['r1']);
  press(element, 'ArrowDown', { shiftKey: true });
  press(element, 'ArrowDown', { shiftKey: true });
  expect(selected.at(-1)).toEqual(['r1', 'r2', 'r3']);
  press(element, 'End');
  press(element, 'Enter');
  press(element, 'Home');
  press(element, 'Enter');
  expect(activated).toEqual(['r1', 'r19', 'r0']);
  press(element, 'a', { ctrlKey: true });
  expect(selected.at(-1)).toHaveLength(20);
  await settled();
  expect(grid(element).getAttribute('aria-activedescendant')).toBe('row-0');
});

test('a click activates, with ctrl it selects, with shift all from there; a checkbox only selects', async () => {
  const element = await mount<Rows<Row>>(table(rowsOf(20), new Set()));
  const selected = told<string[]>(element, 'orbit-select');
  const activated = told<string>(element, 'orbit-activate');
  const click = (row: number, more: MouseEventInit = {}) =>
    shown(element)[row]!.dispatchEvent(new MouseEvent('click', { bubbles: true, composed: true, ...more }));
  click(2);
  click(4, { ctrlKey: true });
  click(6, { shiftKey: true });
  expect(selected).toEqual([['r4'], ['r4', 'r5', 'r6']]);
  all(element, '.rows input')[0]!.click();
  expect(selected.at(-1)).toEqual(['r4', 'r5', 'r6', 'r0']);
  expect(activated).toEqual(['r2']);
  all(element, '.head input')[0]!.click();
  expect(selected.at(-1)).toHaveLength(20);
});

test('a row that the keyboard is on stays it when others come before it', async () => {
  const rows = rowsOf(20);
  const element = await mount<Rows<Row>>(table(rows));
  const activated = told<string>(element, 'orbit-activate');
  press(element, 'ArrowDown');
  press(element, 'ArrowDown');
  element.rows = [{ id: 'new', size: 1 }, ...rows];
  await settled();
  press(element, 'Enter');
  press(element, 'ArrowDown');
  press(element, 'Enter');
  expect(activated).toEqual(['r1', 'r2']);
});

test('rows that come above do not push away those that are looked at', async () => {
  const rows = rowsOf(1000);
  const element = await mount<Rows<Row>>(table(rows));
  const scroller = grid(element);
  scroller.scrollTop = 320;
  element.rows = [{ id: 'new', size: 1 }, { id: 'newer', size: 1 }, ...rows];
  await settled();
  expect(scroller.scrollTop).toBe(320 + 2 * 32);
});

test('markup in a cell is shown as text', async () => {
  const hostile = '<img src=x onerror=alert(1)>';
  const element = await mount<Rows<Row>>(table([{ id: hostile, size: 1 }], new Set()));
  expect(textOf(element)).toContain(hostile);
  expect(all(element, 'img')).toEqual([]);
});

test('an empty table says so', async () => {
  const element = await mount<Rows<Row>>(
    html`<orbit-rows .columns=${COLUMNS} .empty=${'No jobs yet.'}></orbit-rows>`,
  );
  expect(textOf(element)).toContain('No jobs yet.');
});
