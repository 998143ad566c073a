# Two images from one build: the platform (target "server") and the slim node
# program (target "node"). Both are a static binary in an empty image and run
# as a user without rights; neither holds a shell or a Postgres.

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ENV CGO_ENABLED=0
RUN go build -trimpath -ldflags="-s -w" -o /out/althing . \
 && go build -trimpath -ldflags="-s -w" -o /out/node ./workers/node \
 && mkdir -p /out/data /out/tmp && chmod 1777 /out/tmp

# One static program for the health check, which an empty image lacks.
FROM busybox:1.37-musl AS busybox

FROM scratch AS node
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/tmp /tmp
COPY --from=build --chown=65532:65532 /out/data /var/lib/althing
COPY --from=build /out/node /node
ENV XDG_DATA_HOME=/var/lib/althing
WORKDIR /var/lib/althing
VOLUME /var/lib/althing
USER 65532:65532
ENTRYPOINT ["/node"]

FROM scratch AS server
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=busybox /bin/wget /bin/wget
COPY --from=build /out/tmp /tmp
COPY --from=build --chown=65532:65532 /out/data /var/lib/althing
COPY --from=build /out/althing /althing
ENV XDG_DATA_HOME=/var/lib/althing ALTHING_DIR=/var/lib/althing/community ALTHING_ADDR=:8080
WORKDIR /var/lib/althing
VOLUME /var/lib/althing
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/althing"]
CMD ["serve"]
