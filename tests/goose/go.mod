module e2bscript.invalid/goose

go 1.23.0

require (
	github.com/lib/pq v1.10.9
	github.com/pressly/goose/v3 v3.26.0
)

require (
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/sethvargo/go-retry v0.3.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	golang.org/x/sync v0.16.0 // indirect
)
