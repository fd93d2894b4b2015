# The service: `florin serve`. Settings come from the environment (docs/deploy.md); it refuses to
# start, naming each fault, when one is missing.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/stripe-sandbox/package.json packages/stripe-sandbox/
COPY packages/florin-dev/package.json packages/florin-dev/
COPY packages/florin/package.json packages/florin/
COPY docs/api/package.json docs/api/
# No package of ours needs its install script, so none may run.
RUN npm ci --ignore-scripts
COPY . .
# What is optional is the embedded Postgres of `florin dev`, which a service does not start.
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4242
WORKDIR /app
COPY --from=build --chown=root:root /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/packages/stripe-sandbox/package.json ./packages/stripe-sandbox/
COPY --from=build /app/packages/stripe-sandbox/dist ./packages/stripe-sandbox/dist
COPY --from=build /app/packages/florin/package.json ./packages/florin/
COPY --from=build /app/packages/florin/dist ./packages/florin/dist
COPY --from=build /app/packages/florin/supabase/migrations ./packages/florin/supabase/migrations
# A catalogue of your own is mounted here, or named by FLORIN_CATALOG.
COPY --from=build /app/florin.config.* ./
USER node
EXPOSE 4242
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD \
  ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "packages/florin/dist/cli/main.js"]
CMD ["serve"]
