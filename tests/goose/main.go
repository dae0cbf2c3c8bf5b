// Goose itself, for the tests that hold our migrations against it. The connection string comes on
// standard input; arguments: the directory of the migrations, then `pending` or `up-to VERSION`.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	_ "github.com/lib/pq"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	db, err := sql.Open("postgres", strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := database.NewStore(goose.DialectPostgres, "_migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider("", db, os.DirFS(args[0]), goose.WithStore(store), goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	ctx := context.Background()
	if args[1] == "up-to" {
		version, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return err
		}
		results, err := provider.UpTo(ctx, version)
		if err != nil {
			return err
		}
		fmt.Println("applied", len(results))
		return nil
	}
	pending, err := provider.HasPending(ctx)
	if err != nil {
		return err
	}
	version, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	fmt.Println("pending", pending, "version", version)
	return nil
}
