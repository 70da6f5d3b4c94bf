/** Files that are dragged between JupyterLab's file browser and an endpoint's files, either way. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ServerConnection } from '@jupyterlab/services';
import type { Drag } from '@lumino/dragdrop';

import { asOrbitError } from '../ui/channel/errors.js';
import { droppedFiles, FILE_TYPE } from '../ui/parts/files/dragged.js';
import type { FilesView } from '../ui/views/files.js';

/** What Lab's file browser drags: paths. */
const CONTENTS = 'application/x-jupyter-icontents';
/** Where Lab's file browser takes drops. */
const LISTING = '.jp-DirListing';

export const drops: JupyterFrontEndPlugin<void> = {
  id: 'orbit-jupyter-lab:drops',
  description: 'Drags files between the file browser and endpoints.',
  autoStart: true,
  optional: [IDefaultFileBrowser],
  activate: (app: JupyterFrontEnd, browser: IDefaultFileBrowser | null) => {
    // From Lab's browser come Lumino's own events, in place of HTML's. They are taken on their way down: the main
    // area would open the file as a tab.
    for (const name of ['lm-dragenter', 'lm-dragover', 'lm-drop'] as const) {
      const take = (event: Event) => {
        const drag = event as Drag.Event;
        const view = drag.mimeData.hasData(CONTENTS) ? viewAt(event.target, drag.clientX, drag.clientY) : null;
        if (!view) {
          return;
        }
        drag.preventDefault();
        drag.stopPropagation();
        drag.dropAction = drag.proposedAction;
        if (name === 'lm-drop') {
          void upload(app, view, drag.mimeData.getData(CONTENTS) as string[]);
        }
      };
      document.addEventListener(name, take, true);
    }
    if (browser) {
      document.addEventListener('dragover', allow, true);
      document.addEventListener('drop', event => fetchTo(browser, event), true);
    }
  },
};

/** Send files that Jupyter's server has to the folder that a view shows. */
async function upload(app: JupyterFrontEnd, view: FilesView, paths: readonly string[]): Promise<void> {
  const { contents, serverSettings } = app.serviceManager;
  for (const path of paths) {
    const name = path.split('/').pop() ?? path;
    try {
      const model = await contents.get(path, { content: false });
      if (model.type === 'directory') {
        Notification.warning(`${name} is a folder: hpc.staging.upload("${name}", …) sends it.`);
        continue;
      }
      const answer = await ServerConnection.makeRequest(await contents.getDownloadUrl(path), {}, serverSettings);
      if (!answer.ok) {
        throw await ServerConnection.ResponseError.create(answer);
      }
      view.upload([new File([await answer.blob()], name)]);
    } catch (error) {
      Notification.error(`${name}: ${asOrbitError(error).message}`);
    }
  }
}

function allow(event: DragEvent): void {
  if (isForLab(event)) {
    event.preventDefault();
  }
}

function isForLab(event: DragEvent): boolean {
  const types = event.dataTransfer?.types ?? [];
  return types.includes(FILE_TYPE) && event.target instanceof Element && event.target.closest(LISTING) !== null;
}

/** Put an endpoint's files into the folder that Lab's browser shows; it asks before it overwrites. */
function fetchTo(browser: IDefaultFileBrowser, event: DragEvent): void {
  if (!isForLab(event) || !event.dataTransfer) {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  void droppedFiles(event.dataTransfer)
    .then(files => Promise.all(files.map(file => browser.model.upload(file))))
    .catch((error: unknown) => Notification.error(asOrbitError(error).message));
}

/** Return the view of an endpoint's files that is in an element, shadow roots included, and at a point of the page. */
function viewAt(within: EventTarget | null, x: number, y: number): FilesView | null {
  if (!(within instanceof Element)) {
    return null;
  }
  // Not by `elementFromPoint`: while Lumino drags there is a pane of its own over the page.
  for (const one of [
    within,
    ...within.querySelectorAll('*'),
    ...(within.shadowRoot?.querySelectorAll('*') ?? []),
  ]) {
    if (one.localName === 'orbit-files') {
      const { left, right, top, bottom } = one.getBoundingClientRect();
      if (x >= left && x < right && y >= top && y < bottom) {
        return one as FilesView;
      }
    } else if (one !== within && one.shadowRoot) {
      const found = viewAt(one, x, y);
      if (found) {
        return found;
      }
    }
  }
  return null;
}
