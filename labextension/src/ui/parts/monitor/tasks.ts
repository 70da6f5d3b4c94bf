/** A `task_list`: one row each, with its state; one can be opened, and cancelled where the plugin does that. */

import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { asOrbitError, type OrbitError } from '../../channel/errors.js';
import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { pluginOn } from '../../state/plugin.js';
import { base, buttons, theme } from '../../theme.js';
import type { UIMonitor } from '../../wire/types.js';
import { keysOf, type Item, type TaskRows } from './records.js';
import { columnOf, compare, jsonTemplate, shortText } from './values.js';
import { failed } from '../notice.js';
import type { Column } from '../rows/rows.js';
import '../rows/rows.js';
import { stateTemplate } from '../states.js';
import { ended } from '../../state/ended.js';

/** Fields that say what a row is, the best first. */
const TELLING = ['label', 'name', 'executable', 'command', 'path', 'message'];
const COLUMNS = 4;
/** Plugins with `cancel/{sid}/ID`. */
const CANCELS = new Set(['psij', 'rhapsody']);

@define('orbit-task-list')
export class TaskList extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    css`
      .detail {
        border-top: 1px solid var(--o-border);
        padding: 10px 14px;
        display: grid;
        gap: 8px;
      }
      .detail pre {
        max-height: 320px;
        overflow: auto;
      }
    `,
  ];

  @property() endpoint = '';
  @property() plugin = '';
  @property() type = '';
  @property({ attribute: false }) monitor: UIMonitor = { id: '' };
  @property({ attribute: false }) tasks!: TaskRows;
  @property({ attribute: false }) stateField = 'state';
  /** Tells that rows have changed. */
  @property({ attribute: false }) version = 0;

  @state() private opened = '';
  @state() private error: OrbitError | null = null;
  private columns: Column<Item>[] = [];
  private columnsFor = '';
  private rows: Item[] = [];

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (changed.has('version') || changed.has('tasks')) {
      this.rows = [...this.tasks.rows.values()].reverse(); // the newest first
      this.chooseColumns();
    }
  }

  override render(): TemplateResult {
    const row = this.opened ? this.tasks.rows.get(this.opened) : undefined;
    return html`<orbit-rows
        .channel=${this.channel}
        .columns=${this.columns}
        .rows=${this.rows}
        .version=${this.version}
        .key=${this.keyOf}
        .current=${this.opened}
        .empty=${this.monitor.empty_text || 'Nothing yet.'}
        label=${this.monitor.title ?? 'Tasks'}
        @orbit-activate=${this.activated}
      ></orbit-rows>
      ${row ? this.detail(row) : nothing}`;
  }

  private detail(row: Item): TemplateResult {
    const state = this.stateOf(row);
    const cancels = CANCELS.has(this.type) && !ended(state);
    return html`<section class="detail" aria-label="Details">
      <div class="row wrap">
        <strong class="grow cut">${this.opened}</strong> ${stateTemplate(state)}
        ${cancels ? html`<button class="danger" @click=${this.cancel}>Cancel</button>` : nothing}
        <button @click=${() => (this.opened = '')}>Close</button>
      </div>
      ${this.error ? failed(this.error) : nothing} ${jsonTemplate(row)}
    </section>`;
  }

  private keyOf = (row: Item): string => String(row[this.tasks.idField]);

  private stateOf(row: Item): string {
    const state = row[this.stateField] ?? row['state'];
    return state === undefined || state === null || state === '' ? 'PENDING' : shortText(state);
  }

  private activated = (event: CustomEvent<string>): void => {
    this.opened = this.opened === event.detail ? '' : event.detail;
    this.error = null;
  };

  private cancel = async (): Promise<void> => {
    const id = this.opened;
    this.error = null;
    try {
      const plugin = pluginOn(this.channel, this.endpoint, this.plugin);
      await plugin.post(`cancel/{sid}/${encodeURIComponent(id)}`);
      this.toast(`${id} is being cancelled`, 'success');
    } catch (error) {
      this.error = asOrbitError(error);
    }
  };

  private chooseColumns(): void {
    const { idField } = this.tasks;
    const keys = keysOf(this.rows);
    const known = `${idField} ${keys.join(' ')}`;
    if (known === this.columnsFor) {
      return;
    }
    this.columnsFor = known;
    const rest = keys.filter(key => key !== idField && key !== this.stateField && key !== 'state');
    const telling = TELLING.filter(key => rest.includes(key));
    const more = [...telling, ...rest.filter(key => !telling.includes(key))].slice(0, COLUMNS);
    this.columns = [
      {
        id: this.stateField,
        title: 'State',
        width: '9em',
        cell: row => stateTemplate(this.stateOf(row)),
        sort: (one, other) => compare(this.stateOf(one), this.stateOf(other)),
      },
      { ...columnOf(idField), cell: row => html`<span class="mono">${shortText(row[idField])}</span>` },
      ...more.map((key, at) => columnOf(key, at === 0 ? 0 : at < 3 ? 1 : 2)),
    ];
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-task-list': TaskList;
  }
}
