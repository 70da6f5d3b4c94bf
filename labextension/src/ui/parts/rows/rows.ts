/**
 * A table of any length: of its rows, only those that can be seen are in the DOM.
 *
 * `<orbit-rows .columns .rows .key .selected .empty>`; events `orbit-select` (keys) and `orbit-activate` (key).
 * Whoever changes rows in place bumps `version`. Without `selected` nothing can be selected.
 */

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core';
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';
import { live } from 'lit/directives/live.js';
import { repeat } from 'lit/directives/repeat.js';

import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { base, theme } from '../../theme.js';
import { Order, type Sorting } from './order.js';
import { HEAD_HEIGHT, ROW_HEIGHT, rowsLook, templatesOf } from './look.js';

export interface Column<R> {
  id: string;
  title: string;
  cell(row: R): TemplateResult | string | number;
  sort?(one: R, other: R): number;
  /** To the right, with digits of one width. */
  number?: boolean;
  /** A CSS length or `2fr`; not one that depends on what is in it, since each row is a grid of its own. */
  width?: string;
  /** 0: always there (the default); 1: not where it is narrow; 2: only where it is wide. */
  priority?: 0 | 1 | 2;
}

/** Pixels that are taken for the height where there is no layout yet. */
const SUPPOSED = 600;
const PAGE = 10;

@define('orbit-rows')
export class Rows<R = unknown> extends OrbitElement {
  static override styles = [theme, base, rowsLook];

  @property({ attribute: false }) columns: readonly Column<R>[] = [];
  @property({ attribute: false }) rows: readonly R[] = [];
  /** Tells that rows have changed in place. */
  @property({ attribute: false }) version = 0;
  @property({ attribute: false }) key: (row: R) => string = row => String(row);
  /** Null: rows can't be selected. */
  @property({ attribute: false }) selected: ReadonlySet<string> | null = null;
  /** Key of the row whose details are shown elsewhere. */
  @property() current = '';
  @property({ attribute: false }) empty: TemplateResult | string = 'Nothing here.';
  /** What the table is called. */
  @property() label = '';
  @property({ attribute: false }) sorting: Sorting | null = null;

  /** Key of the row that the keyboard is on. */
  @state() private at = '';
  @query('.scroll') private scroller!: HTMLElement | null;
  private order = new Order<R>();
  private atIndex = -1;
  /** Where a range that shift selects begins. */
  private anchor = '';
  private later: ReturnType<typeof setTimeout> | undefined;
  private unmount: (() => void) | null = null;
  private virtual = new Virtualizer<HTMLElement, HTMLElement>(this.options());

  override connectedCallback(): void {
    super.connectedCallback();
    this.unmount = this.virtual._didMount();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.later);
    this.later = undefined;
    this.unmount?.();
    this.unmount = null;
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const before = this.order.shown;
    const top = this.scroller?.scrollTop ?? 0;
    const first = Math.floor(top / ROW_HEIGHT);
    const firstKey = top > 0 && before[first] !== undefined ? this.key(before[first]) : '';
    const compare = this.columns.find(column => column.id === this.sorting?.id)?.sort;
    const wait = this.order.take(this.rows, this.version, this.sorting, compare);
    if (wait > 0) {
      this.later ??= setTimeout(() => {
        this.later = undefined;
        this.requestUpdate();
      }, wait);
    }
    this.virtual.setOptions(this.options());
    if (firstKey && before !== this.order.shown && !changed.has('sorting')) {
      // Rows that come above those that are looked at don't push them away.
      const now = this.indexOf(firstKey, first);
      if (now >= 0 && now !== first) {
        const wanted = top + (now - first) * ROW_HEIGHT;
        void this.updateComplete.then(() => this.putAt(wanted));
      }
    }
  }

  protected override updated(): void {
    this.virtual._willUpdate();
  }

  override render(): TemplateResult {
    const rows = this.order.shown;
    const items = this.virtual.getVirtualItems();
    const atShown = items.some(item => item.index === this.atIndex);
    return html`<div
      class="scroll"
      role="grid"
      tabindex="0"
      aria-label=${this.label || nothing}
      aria-rowcount=${rows.length + 1}
      aria-colcount=${this.columns.length + (this.selected ? 1 : 0)}
      aria-multiselectable=${this.selected ? 'true' : nothing}
      aria-activedescendant=${atShown ? `row-${this.atIndex}` : nothing}
      .style=${templatesOf(this.columns, this.selected !== null)}
      @keydown=${this.pressed}
    >
      <div class="table">
        <div class="line head" role="row" aria-rowindex="1">${this.heads(rows)}</div>
        <div class="rows" role="rowgroup" .style=${`height:${this.virtual.getTotalSize()}px`}>
          ${repeat(
            items,
            item => item.index,
            item => this.line(rows[item.index]!, item.index, item.start - HEAD_HEIGHT),
          )}
        </div>
      </div>
      ${rows.length ? nothing : html`<div class="notice soft">${this.empty}</div>`}
    </div>`;
  }

  private heads(rows: readonly R[]): unknown {
    const all = rows.length > 0 && (this.selected?.size ?? 0) >= rows.length;
    const check = html`<div role="columnheader" class="check">
      <input
        type="checkbox"
        aria-label="Select all"
        .checked=${live(all)}
        .indeterminate=${!all && (this.selected?.size ?? 0) > 0}
        @change=${() => this.choose(all ? [] : rows.map(this.key))}
      />
    </div>`;
    return [
      this.selected ? check : nothing,
      ...this.columns.map(column => {
        const kind = `p${column.priority ?? 0}${column.number ? ' number' : ''}`;
        const sorted = this.sorting?.id === column.id ? this.sorting : null;
        const word = sorted ? (sorted.down ? 'descending' : 'ascending') : 'none';
        const mark = html`<span aria-hidden="true">${sorted ? (sorted.down ? ' ↓' : ' ↑') : ''}</span>`;
        return column.sort
          ? html`<div role="columnheader" class=${kind} aria-sort=${word}>
              <button @click=${() => this.sortBy(column.id)}>${column.title}${mark}</button>
            </div>`
          : html`<div role="columnheader" class=${kind}>${column.title}</div>`;
      }),
    ];
  }

  private line(row: R, index: number, top: number): TemplateResult | typeof nothing {
    if (row === undefined) {
      return nothing;
    }
    const key = this.key(row);
    const chosen = this.selected?.has(key) ?? false;
    return html`<div
      class="line ${this.at === key ? 'at' : ''} ${this.current === key ? 'current' : ''}"
      id="row-${index}"
      role="row"
      aria-rowindex=${index + 2}
      aria-selected=${this.selected ? chosen : nothing}
      aria-current=${this.current === key ? 'true' : nothing}
      .style=${`transform:translateY(${top}px)`}
      @click=${(event: MouseEvent) => this.clicked(event, key, index)}
    >
      ${
        this.selected
          ? html`<div role="gridcell" class="check">
              <input
                type="checkbox"
                tabindex="-1"
                aria-label="Select ${key}"
                .checked=${live(chosen)}
                @change=${() => this.toggle(key)}
              />
            </div>`
          : nothing
      }
      ${this.columns.map(
        column =>
          html`<div role="gridcell" class="p${column.priority ?? 0}${column.number ? ' number' : ''}">
            ${column.cell(row)}
          </div>`,
      )}
    </div>`;
  }

  private clicked(event: MouseEvent, key: string, index: number): void {
    const line = event.currentTarget;
    for (const node of event.composedPath()) {
      if (node === line) {
        break;
      }
      if (node instanceof Element && node.matches('button, a, input, select, .check')) {
        return; // it does something of its own
      }
    }
    this.goTo(key, index);
    if (this.selected && event.shiftKey) {
      this.range(index);
    } else if (this.selected && (event.ctrlKey || event.metaKey)) {
      this.toggle(key);
    } else {
      this.activate(key);
    }
  }

  private pressed = (event: KeyboardEvent): void => {
    if (event.target !== this.scroller) {
      return; // a button or a checkbox of a row
    }
    const rows = this.order.shown;
    const here = this.at ? this.indexOf(this.at, this.atIndex) : -1;
    const steps: Record<string, number> = {
      ArrowDown: here + 1,
      ArrowUp: Math.max(0, here - 1),
      PageDown: here + PAGE,
      PageUp: here - PAGE,
      Home: 0,
      End: rows.length - 1,
    };
    const step = steps[event.key];
    if (step !== undefined && rows.length) {
      const next = Math.min(rows.length - 1, Math.max(0, step));
      this.goTo(this.key(rows[next]!), next, here);
      this.virtual.scrollToIndex(next);
      if (event.shiftKey && this.selected) {
        this.range(next);
      }
    } else if (event.key === ' ' && this.selected && here >= 0) {
      this.toggle(this.at);
    } else if (event.key === 'Enter' && here >= 0) {
      this.activate(this.at);
    } else if (event.key === 'a' && (event.ctrlKey || event.metaKey) && this.selected) {
      this.choose(rows.map(this.key));
    } else {
      return;
    }
    event.preventDefault();
  };

  private goTo(key: string, index: number, from = -1): void {
    if (!this.anchor) {
      this.anchor = from >= 0 ? this.at : key;
    }
    this.at = key;
    this.atIndex = index;
  }

  private toggle(key: string): void {
    const next = new Set(this.selected);
    if (!next.delete(key)) {
      next.add(key);
    }
    this.anchor = key;
    this.choose([...next]);
  }

  /** Select all from where the last selection was made. */
  private range(to: number): void {
    const from = this.indexOf(this.anchor, to);
    const [low, high] = from < 0 ? [to, to] : [Math.min(from, to), Math.max(from, to)];
    this.choose(this.order.shown.slice(low, high + 1).map(this.key));
  }

  private choose(keys: string[]): void {
    this.selected = new Set(keys);
    this.dispatchEvent(new CustomEvent<string[]>('orbit-select', { detail: keys }));
  }

  private activate(key: string): void {
    this.anchor = key;
    this.dispatchEvent(new CustomEvent<string>('orbit-activate', { detail: key }));
  }

  /** Up, down, and as the rows were given. */
  private sortBy(id: string): void {
    const now = this.sorting?.id === id ? this.sorting : null;
    this.sorting = now ? (now.down ? null : { id, down: true }) : { id, down: false };
    this.putAt(0);
  }

  private putAt(top: number): void {
    if (this.scroller) {
      this.scroller.scrollTop = top;
    }
  }

  /** Return where a row is, looking first near where it was. */
  private indexOf(key: string, near: number): number {
    const rows = this.order.shown;
    for (let away = 0; away <= rows.length; away += 1) {
      for (const index of away ? [near + away, near - away] : [near]) {
        const row = rows[index];
        if (row !== undefined && this.key(row) === key) {
          return index;
        }
      }
      if (near - away < 0 && near + away >= rows.length) {
        break;
      }
    }
    return -1;
  }

  private options(): VirtualizerOptions<HTMLElement, HTMLElement> {
    return {
      count: this.order.shown.length,
      getScrollElement: () => this.scroller ?? null,
      estimateSize: () => ROW_HEIGHT,
      overscan: 8,
      scrollMargin: HEAD_HEIGHT,
      scrollPaddingStart: HEAD_HEIGHT,
      initialRect: { width: 0, height: SUPPOSED },
      scrollToFn: elementScroll,
      observeElementOffset,
      observeElementRect: (instance, told) =>
        observeElementRect(instance, rect => told({ ...rect, height: rect.height || SUPPOSED })),
      onChange: () => this.requestUpdate(),
    };
  }
}

interface RowsEvents {
  'orbit-select': CustomEvent<string[]>;
  'orbit-activate': CustomEvent<string>;
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-rows': Rows;
  }
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface HTMLElementEventMap extends RowsEvents {}
}
