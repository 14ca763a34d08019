# Untried: no container engine was at hand where it was written.
FROM node:24-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional
COPY src src
COPY jobs jobs
COPY config config
# Redis is another container's: set REDIS_URL. State holds logs, the way back by hand and what was seen of Redis.
RUN mkdir /state && chown node:node /state
VOLUME /state
USER node
ENV NIGHTSHIFT_CONFIG=/app/config/nightshift.yaml
EXPOSE 7460
HEALTHCHECK --interval=10s --timeout=3s CMD ["node", "-e", "fetch('http://127.0.0.1:7460/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "src/nightshift.js"]
CMD ["daemon"]
