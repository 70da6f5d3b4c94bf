/** Files and folders as rows of a table. */

import { html, nothing, type TemplateResult } from 'lit';

import type { StagingEntry } from '../../wire/types.js';
import { bytes } from '../../text/format.js';
import type { Column } from '../rows/rows.js';

/** The table's own styles know no such button. */
const BUTTON = 'border:0;background:none;color:inherit;font:inherit;padding:2px 6px;cursor:pointer';

const MARK = 'flex:none;width:1em;text-align:center';

interface Told {
  /** Whether the table is sorted downwards. */
  isDown(): boolean;
  drag(event: DragEvent, entry: StagingEntry): void;
  download(entry: StagingEntry): void;
}

export class FileColumns {
  readonly all: Column<StagingEntry>[];

  constructor(private told: Told) {
    this.all = [
      {
        id: 'name',
        title: 'Name',
        cell: entry => this.name(entry),
        sort: (one, other) => this.foldersFirst(one, other) || compareNames(one, other),
        width: '4fr',
      },
      {
        id: 'size',
        title: 'Size',
        number: true,
        cell: entry => (entry.type === 'file' ? bytes(entry.size) : ''),
        sort: (one, other) => this.foldersFirst(one, other) || (one.size ?? 0) - (other.size ?? 0),
        width: '90px',
      },
      { id: 'do', title: '', cell: entry => this.action(entry), width: '44px' },
    ];
  }

  /** Folders, then files, each by name. */
  readonly byName = (one: StagingEntry, other: StagingEntry): number =>
    rank(one) - rank(other) || compareNames(one, other);

  /** Whichever way the table is sorted, which turns what this returns. */
  private foldersFirst(one: StagingEntry, other: StagingEntry): number {
    return (rank(one) - rank(other)) * (this.told.isDown() ? -1 : 1);
  }

  private name(entry: StagingEntry): TemplateResult {
    const kind = entry.type === 'dir' ? 'folder' : entry.type === 'file' ? 'file' : 'neither file nor folder';
    const mark = entry.type === 'dir' ? '▸' : entry.type === 'file' ? '·' : '?';
    const tone = entry.type === 'dir' ? 'active' : 'soft';
    return html`<span
      class="row"
      draggable=${entry.type === 'file' ? 'true' : 'false'}
      title=${entry.name}
      @dragstart=${(event: DragEvent) => this.told.drag(event, entry)}
      ><span class=${tone} .style=${MARK} aria-hidden="true">${mark}</span><span class="only-read">${kind}</span
      ><span class="cut">${entry.name}${entry.type === 'dir' ? '/' : ''}</span>${
        entry.link ? html`<span class="soft small" title="Symbolic link">↪ link</span>` : nothing
      }</span
    >`;
  }

  private action(entry: StagingEntry): TemplateResult | string {
    return entry.type === 'file'
      ? html`<button
          .style=${BUTTON}
          title="Download"
          aria-label="Download ${entry.name}"
          @click=${() => this.told.download(entry)}
        >
          ⤓
        </button>`
      : '';
  }
}

const names = new Intl.Collator(undefined, { numeric: true });

function compareNames(one: StagingEntry, other: StagingEntry): number {
  return names.compare(one.name, other.name);
}

function rank(entry: StagingEntry): number {
  return entry.type === 'dir' ? 0 : 1;
}
