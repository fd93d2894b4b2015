import { createRoot } from 'react-dom/client';
import { createFlorinClient } from '../../../src/browser/index.ts';
import { BalanceBadge, FlorinProvider, PricingTable } from '../../../src/react/index.ts';

/** The widgets as an app uses them, with nothing of Florin's own pages. */
function Shop() {
  return (
    <>
      <h1>Shop</h1>
      <BalanceBadge className="badge" lowAt={20} unit="scans" />
      <BalanceBadge>{({ posted }) => `${posted} posted`}</BalanceBadge>
      <h2>Packs</h2>
      <PricingTable
        className="packs"
        select={(plans) => plans.filter(({ kind }) => kind === 'one_time')}
        chosen="price_POWER_PACK"
        fallback={<p>Loading the packs</p>}
      />
    </>
  );
}

const root = document.getElementById('root');
if (root !== null) {
  const client = createFlorinClient({ getAccessToken: () => 'token' });
  createRoot(root).render(
    <FlorinProvider client={client}>
      <Shop />
    </FlorinProvider>,
  );
}
