/** Files of an endpoint as they are dragged out of its view: to another, to JupyterLab, to the desktop. */

import { OrbitError } from '../../channel/errors.js';
import type { RemoteFiles } from '../../state/remote-files.js';
import type { StagingEntry } from '../../wire/types.js';
import { bytes } from '../../text/format.js';
import { inRoute, joined } from '../../text/paths.js';

/** Of what is dragged out: a `DraggedFiles`. */
export const FILE_TYPE = 'application/vnd.orbit.file+json';

/** Bytes that go through the page's memory; larger files are downloaded and uploaded. */
const MOST = 512 * 2 ** 20;

export interface DraggedFiles {
  endpoint: string;
  plugin: string;
  /** `url` is where the page can get it; null where it can't. */
  files: { path: string; name: string; size: number | null; url: string | null }[];
}

/** Say what is dragged. */
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

/** Fetch what was dropped; throws an `OrbitError` where one of them can't be had. */
export async function droppedFiles(data: DataTransfer): Promise<File[]> {
  const { endpoint, plugin, files } = JSON.parse(data.getData(FILE_TYPE)) as DraggedFiles;
  const place = `/orbit/${encodeURIComponent(endpoint)}/${encodeURIComponent(plugin)}/files/`;
  return Promise.all(files.map(one => fetched(place, one)));
}

async function fetched(place: string, { path, name, size, url }: DraggedFiles['files'][number]): Promise<File> {
  // Another site may say this is a file of an endpoint, and name something else that this page's cookie opens.
  const at = url ? new URL(url) : null;
  if (!url || at?.origin !== location.origin || !at.pathname.endsWith(`${place}${inRoute(path)}`)) {
    throw new OrbitError(`${name} can’t be had from this page: download it first`, 'unsupported', 501);
  }
  if ((size ?? 0) > MOST) {
    const limit = `more than ${bytes(MOST)}`;
    throw new OrbitError(`${name} is ${limit}: download it, or use hpc.staging in Python`, 'too-large', 413);
  }
  const answer = await fetch(url);
  if (!answer.ok) {
    throw new OrbitError(`${name} can’t be read: status ${answer.status}`, 'error', answer.status);
  }
  return new File([await answer.blob()], name);
}
