import '../style/fonts.css';
import '../style/tokens.css';
import '../style/base.css';
import '../style/frame.css';
import '../style/parts.css';
import { type ReactNode, StrictMode, useCallback } from 'react';
import { createRoot } from 'react-dom/client';
import { useLoaded } from '../../src/react/index.ts';
import { loadConfig } from '../session/config.ts';
import { SiteProvider } from '../session/context.tsx';
import { Frame, type Place } from './frame.tsx';
import { LoadFailed } from './notice.tsx';

/** Puts a page on the screen once the service has said how it is set up. */
export function start(place: Place, page: ReactNode): void {
  const root = document.getElementById('root');
  if (root !== null) {
    createRoot(root).render(
      <StrictMode>
        <Configured place={place}>{page}</Configured>
      </StrictMode>,
    );
  }
}

function Configured({ place, children }: { place: Place; children: ReactNode }) {
  const config = useLoaded(useCallback(() => loadConfig(), []));
  if (config.data !== null) {
    return (
      <SiteProvider config={config.data}>
        <Frame place={place}>{children}</Frame>
      </SiteProvider>
    );
  }
  return (
    <div className="page">
      <main className="column">
        {config.status === 'error' ? (
          <>
            <h1>Florin</h1>
            <LoadFailed what="This page" error={config.error} retry={config.reload} />
          </>
        ) : (
          <h1>
            <span className="visually-hidden">Loading</span>
            <span className="skeleton" />
          </h1>
        )}
      </main>
    </div>
  );
}
