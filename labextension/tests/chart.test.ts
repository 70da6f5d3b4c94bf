import { html, type TemplateResult } from 'lit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import '../src/ui/parts/chart.js';
import type { Chart, ChartSeries } from '../src/ui/parts/chart.js';
import { inUnit } from '../src/ui/text/units.js';
import { all, mount, settled, textOf } from './mount.js';

/** What would draw: there is no canvas here. */
interface Drawn {
  options: { series: unknown[]; hooks: { setCursor: ((plot: unknown) => void)[] } };
  data: unknown[][];
  sets: number;
  sizes: { width: number; height: number }[];
  width: number;
  height: number;
  ended: boolean;
}

const { drawn } = vi.hoisted(() => ({ drawn: [] as Drawn[] }));

vi.mock('uplot', () => ({
  default: class {
    sets = 0;
    sizes: { width: number; height: number }[] = [];
    ended = false;
    width: number;
    height: number;

    constructor(
      readonly options: { width: number; height: number } & Drawn['options'],
      public data: unknown[][],
    ) {
      [this.width, this.height] = [options.width, options.height];
      drawn.push(this);
    }

    setData(data: unknown[][]): void {
      this.data = data;
      this.sets += 1;
    }

    setSize(size: { width: number; height: number }): void {
      this.sizes.push(size);
      [this.width, this.height] = [size.width, size.height];
    }

    destroy(): void {
      this.ended = true;
    }
  },
}));

const observers = new Set<() => void>();
let width = 300;

beforeEach(() => {
  drawn.length = 0;
  observers.clear();
  width = 300;
  vi.stubGlobal(
    'ResizeObserver',
    class {
      constructor(private told: () => void) {}
      observe(): void {
        observers.add(this.told);
      }
      disconnect(): void {
        observers.delete(this.told);
      }
    },
  );
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockImplementation(() => width);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(150);
});

afterEach(() => vi.unstubAllGlobals());

function chart(times: number[], ...series: ChartSeries[]): TemplateResult {
  return html`<orbit-chart label="CPU" .times=${times} .series=${series}></orbit-chart>`;
}

const busy = (...values: (number | null)[]): ChartSeries => ({ label: 'Busy', unit: '%', values });

test('values are drawn, and stand there as text with their range', async () => {
  const element = await mount<Chart>(chart([1, 2, 3], busy(10, null, 42.4)));
  expect(drawn[0]!.data).toEqual([
    [1, 2, 3],
    [10, null, 42.4],
  ]);
  expect(textOf(element)).toContain('Busy 42 %');
  const picture = all(element, '[role=img]')[0]!;
  expect(picture.getAttribute('aria-label')).toBe('CPU. Busy: now 42 %, from 10 % to 42 %');
});

test('many changes between two frames are one picture', async () => {
  const element = await mount<Chart>(chart([1], busy(1)));
  const before = drawn[0]!.sets;
  for (let at = 2; at < 500; at += 1) {
    element.times = Array.from({ length: at }, (_, index) => index);
    element.series = [busy(...element.times)];
  }
  await settled();
  expect(drawn[0]!.sets).toBe(before + 1);
  expect(drawn[0]!.data[0]).toHaveLength(499);
  expect(drawn).toHaveLength(1);
});

test('another number of series begins a new picture and ends the old one', async () => {
  const element = await mount<Chart>(chart([1], busy(1)));
  element.series = [busy(1), { label: 'Load', unit: '%', values: [3] }];
  await settled();
  expect(drawn.map(one => one.ended)).toEqual([true, false]);
  expect(drawn[1]!.options.series).toHaveLength(3);
});

test('the picture is as large as its box', async () => {
  await mount<Chart>(chart([1], busy(1)));
  width = 700;
  observers.forEach(told => told());
  expect(drawn[0]!.sizes).toEqual([{ width: 700, height: 150 }]);
  observers.forEach(told => told());
  expect(drawn[0]!.sizes).toHaveLength(1);
});

test('a box without a size is waited for', async () => {
  width = 0;
  await mount<Chart>(chart([1], busy(1)));
  expect(drawn).toEqual([]);
  width = 200;
  observers.forEach(told => told());
  await settled();
  expect(drawn).toHaveLength(1);
});

test('another theme draws it anew, in its colours', async () => {
  const element = await mount<Chart>(chart([1], busy(1)));
  all(element, '.plot')[0]!.dispatchEvent(new Event('transitionrun'));
  await settled();
  expect(drawn.map(one => one.ended)).toEqual([true, false]);
});

test('what goes away is destroyed, and drawn again where it comes back', async () => {
  const element = await mount<Chart>(chart([1], busy(1)));
  const place = element.parentElement!;
  for (let time = 1; time <= 100; time += 1) {
    element.remove();
    expect(drawn.every(one => one.ended)).toBe(true);
    expect(observers.size).toBe(0);
    place.append(element);
    await new Promise(requestAnimationFrame);
    await element.updateComplete;
  }
  await settled();
  expect(drawn).toHaveLength(101);
  expect(drawn.filter(one => !one.ended)).toHaveLength(1);
  expect(observers.size).toBe(1);
});

test('under the pointer the legend tells the values of then', async () => {
  const element = await mount<Chart>(chart([100, 200], busy(10, 20)));
  drawn[0]!.options.hooks.setCursor[0]!({ cursor: { idx: 0 } });
  await settled();
  expect(textOf(element)).toMatch(/Busy 10 % .*at /);
  drawn[0]!.options.hooks.setCursor[0]!({ cursor: { idx: null } });
  await settled();
  expect(textOf(element)).toContain('Busy 20 %');
});

test('nothing is injected: no style element, no markup of a name', async () => {
  const element = await mount<Chart>(chart([1], { label: '<b>x</b>', unit: '', values: [1] }));
  expect(all(element, 'b').map(one => one.textContent)).toEqual(['1']);
  expect(textOf(element)).toContain('<b>x</b>');
  expect(document.head.querySelectorAll('style')).toHaveLength(0);
});

test('without values it says so', async () => {
  const element = await mount<Chart>(chart([], busy()));
  expect(textOf(element)).toContain('No values yet');
});

test.each([
  [1536, 'B', '1.5 KiB'],
  [0, 'B/s', '0 B/s'],
  [40960, 'MiB', '40.0 GiB'],
  [12.6, '%', '13 %'],
  [0.5, '', '0.50'],
  [1_500_000, 'calls', '1500k calls'],
  [null, '%', '–'],
  [NaN, 'B', '–'],
])('%s in %s reads %s', (value, unit, text) => {
  expect(inUnit(value, unit)).toBe(text);
});
