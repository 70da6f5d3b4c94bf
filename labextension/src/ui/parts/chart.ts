/** Lines over time, which go on as values come. What the picture shows stands beside it as text, too. */

import { css, html, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';
import { classMap } from 'lit/directives/class-map.js';
import type uPlot from 'uplot';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { base, theme } from '../theme.js';
import { inUnit, isBinary } from '../text/units.js';

export interface ChartSeries {
  label: string;
  /** `%`, `B`, `B/s`, `MiB` or any other; all series of a chart have the first one's axis. */
  unit: string;
  /** As many as there are times; null: not known. */
  values: readonly (number | null)[];
}

/** Lines beyond these begin anew. */
const LOOKS = 4;
const DASHES: (number[] | undefined)[] = [undefined, [6, 4], [2, 3], [10, 3, 2, 3]];

/** Seconds that a chart with a `span` shows at least. */
const LEAST = 120;

/** Steps of an axis in bytes. */
const BINARY = Array.from({ length: 60 }, (_, power) => 2 ** power);

type Library = typeof uPlot;

let library: Library | null = null;
let coming: Promise<void> | null = null;

/** Load what draws, once it is needed; where that fails the next chart tries again. */
function load(): Promise<void> {
  coming ??= import('uplot').then(
    module => {
      library = module.default;
    },
    (error: unknown) => {
      coming = null;
      throw error;
    },
  );
  return coming;
}

@define('orbit-chart')
export class Chart extends OrbitElement {
  static override styles = [
    theme,
    base,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 4px;
        min-width: 0;
        height: var(--chart-height, 180px);
      }
      .plot {
        position: relative;
        flex: 1 1 0;
        min-height: 0;
        overflow: hidden;
        color: var(--o-text-soft);
        outline-color: var(--o-border);
        /* Tells of another theme: a transition begins whenever this colour becomes another one. */
        transition: color 1ms step-start;
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 14px;
        list-style: none;
        margin: 0;
        padding: 0;
        font-size: var(--o-small);
      }
      .legend li {
        display: flex;
        align-items: center;
        gap: 6px;
        min-width: 0;
      }
      .legend b {
        font-variant-numeric: tabular-nums;
      }
      .mark {
        flex: none;
        width: 16px;
        border-top: 2px solid currentColor;
      }
      .s0 {
        color: var(--o-accent);
        background-color: color-mix(in srgb, var(--o-accent) 12%, transparent);
      }
      .s1 {
        color: var(--o-warn);
        border-top-style: dashed;
      }
      .s2 {
        color: var(--o-good);
        border-top-style: dotted;
      }
      .s3 {
        color: var(--o-bad);
        border-top-style: dashed;
      }
      .none {
        position: absolute;
        inset: 0;
        display: grid;
        place-items: center;
        text-align: center;
      }
      /* Of uPlot's own style sheet what is used here. */
      .uplot {
        position: absolute;
        inset: 0;
      }
      .u-wrap {
        position: relative;
        user-select: none;
      }
      .u-over,
      .u-under,
      .u-axis,
      .u-select {
        position: absolute;
      }
      .u-under {
        overflow: hidden;
      }
      .uplot canvas {
        display: block;
        position: relative;
        width: 100%;
        height: 100%;
      }
      .u-cursor-x,
      .u-cursor-y,
      .u-cursor-pt {
        position: absolute;
        left: 0;
        top: 0;
        pointer-events: none;
        will-change: transform;
      }
      .u-cursor-x {
        height: 100%;
        border-right: 1px dashed var(--o-text-soft);
      }
      .u-cursor-pt {
        border: 0 solid;
        border-radius: 50%;
        background-clip: padding-box !important;
      }
      .u-off {
        display: none;
      }
    `,
  ];

  /** What it is about, for those who don't see the picture. */
  @property() label = '';
  @property({ attribute: false }) series: readonly ChartSeries[] = [];
  /** Seconds since the epoch, the oldest first. */
  @property({ attribute: false }) times: readonly number[] = [];
  /** Where the axis ends, as 100 of percents; undefined: at the largest value. */
  @property({ attribute: false }) max: number | undefined;
  /** Seconds that are shown at most; 0: all there are. */
  @property({ attribute: false }) span = 0;
  /** The place under the pointer. */
  @state() private at: number | null = null;
  @state() private broken = '';

  private plot: uPlot | null = null;
  private plotted = '';
  private sizes: ResizeObserver | null = null;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.clear();
  }

  override render(): TemplateResult {
    const place = this.at !== null && this.at < this.times.length ? this.at : this.times.length - 1;
    const when = this.at !== null && this.times[place] !== undefined ? clock(this.times[place], true) : '';
    return html`
      <div class="plot" role="img" aria-label=${this.summary()} @transitionrun=${this.recoloured}>
        ${this.times.length ? '' : html`<div class="none">No values yet; they come by themselves.</div>`}
        ${this.broken ? html`<div class="none">The picture can’t be drawn: ${this.broken}</div>` : ''}
      </div>
      <ul class="legend">
        ${this.series.map(
          (one, index) =>
            html`<li>
              <span class=${classMap({ mark: true, [`s${index % LOOKS}`]: true })} aria-hidden="true"></span>
              <span class="cut">${one.label}</span> <b>${inUnit(one.values[place], one.unit)}</b>
            </li>`,
        )}
        ${when ? html`<li class="soft">at ${when}</li>` : ''}
      </ul>
    `;
  }

  protected override updated(): void {
    if (this.isConnected) {
      this.draw();
    }
  }

  /** Bring the picture up to date: at most once a frame, as all of an element's updates. */
  private draw(): void {
    if (!library) {
      void load().then(
        () => this.requestUpdate(),
        (error: unknown) => (this.broken = error instanceof Error ? error.message : String(error)),
      );
      return;
    }
    const box = this.renderRoot.querySelector<HTMLElement>('.plot')!;
    const shape = this.series.map(one => one.unit).join('/');
    if (this.plot && shape !== this.plotted) {
      this.clear();
    }
    const data = [this.times, ...this.series.map(one => one.values)] as unknown as uPlot.AlignedData;
    if (this.plot) {
      this.plot.setData(data);
    } else if (this.series.length && box.clientWidth && box.clientHeight) {
      this.plotted = shape;
      this.plot = new library(this.options(box), data, box);
    }
    if (!this.sizes && typeof ResizeObserver !== 'undefined') {
      this.sizes = new ResizeObserver(() => this.resized(box));
      this.sizes.observe(box);
    }
  }

  private resized(box: HTMLElement): void {
    const [width, height] = [box.clientWidth, box.clientHeight];
    if (!width || !height) {
      return;
    }
    if (!this.plot) {
      this.requestUpdate();
    } else if (width !== this.plot.width || height !== this.plot.height) {
      this.plot.setSize({ width, height });
    }
  }

  private clear(): void {
    this.sizes?.disconnect();
    this.sizes = null;
    this.plot?.destroy();
    this.plot = null;
  }

  /** The theme is another one: colours are part of the picture. */
  private recoloured = (): void => {
    this.clear();
    this.requestUpdate();
  };

  private options(box: HTMLElement): uPlot.Options {
    const look = getComputedStyle(box);
    const font = `11px ${look.fontFamily}`;
    const [stroke, grid] = [look.color, { stroke: look.outlineColor, width: 1 }];
    const unit = this.series[0]?.unit ?? '';
    const axis: uPlot.Axis = { stroke, font, grid, ticks: { ...grid, size: 4 } };
    return {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [6, 6, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, points: { size: 6 } },
      select: { show: false, left: 0, top: 0, width: 0, height: 0 },
      scales: {
        x: { range: (_, first, last) => [last - this.shownSpan(last - first), last] },
        y: { range: (_, __, most) => [0, this.max ?? top(most, unit)] },
      },
      axes: [
        {
          ...axis,
          size: 24,
          gap: 3,
          space: 72,
          values: (_, at, __, ___, step) => at.map(one => clock(one, step < 60)),
        },
        {
          ...axis,
          size: (_, texts) => 12 + 6.5 * Math.max(3, ...(texts ?? []).map(text => text.length)),
          gap: 4,
          space: 32,
          values: (_, at) => at.map(one => inUnit(one, unit)),
          ...(isBinary(unit) && { incrs: BINARY }),
        },
      ],
      series: [{}, ...this.series.map((one, index) => this.line(one, index))],
      hooks: { setCursor: [plot => (this.at = plot.cursor.idx ?? null)] },
    };
  }

  private shownSpan(all: number): number {
    return this.span ? Math.min(this.span, Math.max(LEAST, all)) : Math.max(1, all);
  }

  private line(one: ChartSeries, index: number): uPlot.Series {
    const mark = this.renderRoot.querySelectorAll('.mark')[index];
    const colours = mark ? getComputedStyle(mark) : null;
    const dash = DASHES[index % LOOKS];
    return {
      label: one.label,
      stroke: colours?.color ?? 'gray',
      width: 1.5,
      points: { show: false },
      ...(index === 0 && { fill: colours?.backgroundColor ?? '' }),
      ...(dash && { dash }),
    };
  }

  private summary(): string {
    const parts = this.series.map(({ label, unit, values }) => {
      const known = values.filter(value => value !== null);
      if (!known.length) {
        return `${label}: not known`;
      }
      const least = known.reduce((a, b) => Math.min(a, b));
      const most = known.reduce((a, b) => Math.max(a, b));
      return `${label}: now ${inUnit(values.at(-1), unit)}, from ${inUnit(least, unit)} to ${inUnit(most, unit)}`;
    });
    return `${this.label || 'Chart'}. ${parts.join('; ')}`;
  }
}

/** Return where an axis ends that is to hold a value: with a little room above. */
function top(most: number | null, unit: string): number {
  if (!most || !(most > 0)) {
    return isBinary(unit) ? 1024 : 1;
  }
  return most * 1.08;
}

function clock(seconds: number, exact: boolean): string {
  const parts: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  return new Date(seconds * 1000).toLocaleTimeString([], exact ? { ...parts, second: '2-digit' } : parts);
}
