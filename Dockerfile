# The image contains one static binary and the CA certificates. It has no shell.
#
#   docker build --build-arg VERSION=$(git describe --tags --dirty 2>/dev/null || echo dev) -t IMAGE .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The source files belong to another user than the build, so git needs this setting to read the commit.
RUN git config --global --add safe.directory /src
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags "-s -w -X main.version=$VERSION" \
    -o /mirrorball ./cmd/mirrorball

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /mirrorball /mirrorball
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/mirrorball"]
CMD ["run"]
