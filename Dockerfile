# The operator's image, where Docker is: `docker build -t sluice .`. Without Docker, ko builds the same program into an
# image of the same shape (see the README).
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS
ARG TARGETARCH
WORKDIR /src
# Modules first: they change less often than the code.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY config/admission/ config/admission/
COPY internal/ internal/
# A static binary, the same bytes from the same source; the target platform comes from the builder.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -ldflags='-s -w' -o /sluice ./cmd/sluice

# Nothing but the program, CA certificates and time zones; not root.
FROM gcr.io/distroless/static:nonroot
COPY --from=build /sluice /sluice
USER 65532:65532
ENTRYPOINT ["/sluice"]
