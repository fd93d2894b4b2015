// A stranger's shop: it knows Stripe's SDK and nothing of the sandbox but its address.
import { createServer } from 'node:http';
import Stripe from 'stripe';

const { SANDBOX, SECRET } = process.env;
const { hostname, port } = new URL(SANDBOX ?? '');
const stripe = new Stripe('sk_test_shop', { host: hostname, port, protocol: 'http' });
const heard = [];

const server = createServer(async (request, response) => {
  const here = `http://${request.headers.host}`;
  const { pathname, searchParams } = new URL(request.url ?? '/', here);
  if (pathname === '/webhook') {
    const chunks = [];
    for await (const chunk of request) {
      chunks.push(chunk);
    }
    const signature = request.headers['stripe-signature'] ?? '';
    heard.push(stripe.webhooks.constructEvent(Buffer.concat(chunks), signature, SECRET ?? '').type);
    response.end('ok');
  } else if (pathname === '/buy') {
    const mode = searchParams.get('mode') === 'subscription' ? 'subscription' : 'payment';
    const session = await stripe.checkout.sessions.create({
      mode,
      line_items: [{ price: `price_${mode === 'payment' ? 'PACK' : 'PLAN'}`, quantity: 1 }],
      success_url: `${here}/thanks?session={CHECKOUT_SESSION_ID}`,
    });
    response.writeHead(303, { location: session.url ?? '' }).end();
  } else if (pathname === '/thanks') {
    const session = await stripe.checkout.sessions.retrieve(searchParams.get('session') ?? '');
    response.setHeader('content-type', 'text/html');
    response.end(`<p id="paid">${session.payment_status}: ${session.amount_total}</p>`);
  } else {
    response.end(JSON.stringify(heard));
  }
});
server.listen(Number(process.env['PORT']), '127.0.0.1', () =>
  process.stdout.write('shop is open\n'),
);
