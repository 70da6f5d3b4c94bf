/** A view as a cell's output: live without a kernel, also in a notebook that was saved long ago. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { PanelLayout, Widget } from '@lumino/widgets';

import type { LabView } from './lab-view.js';
import { ElementWidget, viewOf } from './tabs.js';
import { IOrbit } from './tokens.js';
import './lab-view.js';

const MIME = 'application/vnd.orbit.view+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';

/** Before the widgets' own renderer (-10), which has nothing to show for a widget whose kernel has gone. */
const RANK = -20;

/**
 * A cell of ours carries the view and the widget. While the kernel has the widget it is shown, since Python reads
 * and sets its traits; otherwise the view alone.
 */
class Output extends Widget implements IRenderMime.IRenderer {
  constructor(
    private orbit: IOrbit,
    private notebooks: INotebookTracker | null,
  ) {
    super();
    this.layout = new PanelLayout();
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const panel = this.layout as PanelLayout;
    [...panel.widgets].forEach(one => one.dispose());
    const widget = this.widget(model);
    if (widget) {
      panel.addWidget(widget);
      await widget.renderModel(model);
      return;
    }
    const view = viewOf(model.data[MIME]);
    if (!view) {
      const wrong = new Widget();
      wrong.node.textContent = 'This view can’t be shown: a newer Orbit has made it.';
      panel.addWidget(wrong);
      return;
    }
    const element = document.createElement('orbit-lab-view') as LabView;
    element.orbit = this.orbit;
    element.view = view;
    element.setAttribute('in', 'output');
    panel.addWidget(new ElementWidget(element));
  }

  /** Return the renderer of the widget that this output has beside the view, where its kernel knows it. */
  private widget(model: IRenderMime.IMimeModel): IRenderMime.IRenderer | null {
    const id = (model.data[WIDGET] as { model_id?: unknown } | undefined)?.model_id;
    if (typeof id !== 'string' || !model.trusted) {
      return null;
    }
    const notebook = this.notebooks?.find(one => Boolean(one.sessionContext.session?.kernel?.hasComm(id)));
    return notebook?.content.rendermime.createRenderer(WIDGET) ?? null;
  }
}

export const mime: JupyterFrontEndPlugin<void> = {
  id: 'orbit-jupyter-lab:mime',
  description: 'Shows Orbit’s views as outputs of cells.',
  autoStart: true,
  requires: [IOrbit, IRenderMimeRegistry],
  optional: [INotebookTracker],
  activate: (
    _app: JupyterFrontEnd,
    orbit: IOrbit,
    registry: IRenderMimeRegistry,
    notebooks: INotebookTracker | null,
  ) => {
    // Safe: it describes a view and is read as that; what a view shows comes from the reader's own bridge.
    registry.addFactory(
      { safe: true, mimeTypes: [MIME], createRenderer: () => new Output(orbit, notebooks) },
      RANK,
    );
  },
};
