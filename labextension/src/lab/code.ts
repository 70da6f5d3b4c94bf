/** Code that a view offers: a new cell below the one in use, or the clipboard where there is no notebook. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions } from '@jupyterlab/notebook';
import { copyText } from '../ui/clipboard.js';

/** Milliseconds that it is told what became of the code. */
const STAY = 5000;

export const code: JupyterFrontEndPlugin<void> = {
  id: 'orbit-jupyter-lab:code',
  description: 'Inserts the code of forms as cells.',
  autoStart: true,
  optional: [INotebookTracker],
  activate: (app: JupyterFrontEnd, notebooks: INotebookTracker | null) => {
    document.addEventListener('orbit-code', event => {
      event.preventDefault();
      const panel = notebooks?.currentWidget;
      if (panel && !panel.isDisposed && !panel.content.model?.readOnly) {
        const notebook = panel.content;
        NotebookActions.insertBelow(notebook);
        notebook.activeCell?.model.sharedModel.setSource(event.detail);
        app.shell.activateById(panel.id);
        Notification.success(`Inserted as a cell of ${panel.title.label}.`, { autoClose: STAY });
        return;
      }
      void copyText(event.detail).then(
        () =>
          Notification.info('No notebook is open, so the code was copied: paste it into a cell.', {
            autoClose: STAY,
          }),
        () =>
          Notification.warning(`No notebook is open, and the code can’t be copied here: ${event.detail}`, {
            autoClose: false,
          }),
      );
    });
  },
};
