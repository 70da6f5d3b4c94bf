/** Files and folders as rows of a table, and as what is dragged out of it. */

import { html, nothing, type TemplateResult } from 'lit';

import type { RemoteFiles } from '../state/remote-files.js';
import type { StagingEntry } from '../wire/types.js';
import { bytes } from './format.js';
import { joined } from './paths.js';
import type { Column } from './rows.js';

/** Of what is dragged out: `{endpoint, plugin, files: [{path, name, size, url}]}`. */
export const FILE_TYPE = 'application/vnd.orbit.file+json';

export interface DraggedFiles {
  endpoint: string;
  plugin: string;
  /** `url` is where the page can get it; null where it can't. */
  files: { path: string; name: string; size: number | null; url: string | null }[];
}

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

/** Say what is dragged: to another Orbit view, and to the desktop. */
export function dragged(
  event: DragEvent,
  files: RemoteFiles,
  folder: string,
  entries: readonly StagingEntry[],
): void {
  const data = event.dataTransfer;
  if (!data) {
    return;
  }
  const all = entries.map(({ name, size }) => {
    const path = joined(folder, name);
    const url = files.url(path);
    return { path, name, size, url: url && new URL(url, location.href).href };
  });
  const { endpoint, plugin } = files;
  data.effectAllowed = 'copy';
  data.setData(FILE_TYPE, JSON.stringify({ endpoint, plugin, files: all } satisfies DraggedFiles));
  data.setData('text/plain', all.map(({ path }) => path).join('\n'));
  const [first] = all;
  if (all.length === 1 && first?.url) {
    data.setData('DownloadURL', `application/octet-stream:${first.name.replaceAll(':', '_')}:${first.url}`);
  }
}

const names = new Intl.Collator(undefined, { numeric: true });

function compareNames(one: StagingEntry, other: StagingEntry): number {
  return names.compare(one.name, other.name);
}

function rank(entry: StagingEntry): number {
  return entry.type === 'dir' ? 0 : 1;
}
