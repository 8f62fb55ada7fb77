package agent

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"gateway/proxy/admin"
	"gateway/proxy/backoff"
	"gateway/proxy/certificate"
)

// filesEvery is how often files are looked at, and lastFilesRetry the longest wait after a push that failed.
const (
	filesEvery     = 10 * time.Second
	lastFilesRetry = time.Minute
)

// FilesProxy is what certificates from files are pushed to. Each call may fail at any time; the agent then tries again.
type FilesProxy interface {
	PutFiles(ctx context.Context, files []admin.CertificateFile) (admin.Pushed, error)
}

// filer pushes certificates from files, which the agent may read and the proxy may not: all of them after the start, when
// one changed, and to a proxy that was restarted. All of it but boot and restarted belongs to the goroutine of Run.
type filer struct {
	reader *certificate.Reader
	proxy  FilesProxy
	log    *slog.Logger
	// boot is that of the proxy that was last heard of, and restarted has one slot, for another one.
	boot      atomic.Pointer[string]
	restarted chan struct{}

	retry backoff.Delay
	away  bool
}

func newFiler(c Config) *filer {
	return &filer{
		reader: c.Files, proxy: c.FilesProxy, log: c.Logger, restarted: make(chan struct{}, 1),
		retry: backoff.Delay{Least: time.Second, Most: lastFilesRetry},
	}
}

// heard notes the boot of the proxy.
func (f *filer) heard(boot string) {
	if old := f.boot.Swap(&boot); old == nil || *old == boot {
		return
	}
	select {
	case f.restarted <- struct{}{}:
	default:
	}
}

// Run pushes until ctx ends, and returns nil. Nothing is pushed before the files were read.
func (f *filer) Run(ctx context.Context) error {
	look, retry := time.NewTimer(0), time.NewTimer(0)
	defer look.Stop()
	defer retry.Stop()
	retry.Stop()
	read, due := false, false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			changed, next := f.reader.Look()
			look.Reset(min(next, filesEvery))
			due = due || changed || !read && f.reader.Read()
			read = read || f.reader.Read()
			if f.away && !changed {
				continue // Its time comes.
			}
		case <-f.restarted:
			due = due || read
		case <-retry.C:
		}
		if !due {
			continue
		}
		err := f.push(ctx)
		if err != nil && ctx.Err() == nil {
			f.failed(ctx, err)
			retry.Reset(f.retry.Next())
			continue
		}
		due, f.away = false, false
		f.retry.Reset()
	}
}

// push pushes all certificates.
func (f *filer) push(ctx context.Context) error {
	pairs := f.reader.Pairs()
	files := make([]admin.CertificateFile, len(pairs))
	for i, p := range pairs {
		files[i] = admin.CertificateFile{Path: p.Path, Certificate: string(p.Certificate), Key: string(p.Key)}
	}
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	answer, err := f.proxy.PutFiles(ctx, files)
	if err != nil {
		return err
	}
	f.boot.Store(&answer.Boot)
	f.log.Info("pushed certificates from files", "certificates", len(files))
	return nil
}

// failed notes a failure; only the first of several failures is worth a warning.
func (f *filer) failed(ctx context.Context, err error) {
	level := slog.LevelDebug
	if !f.away {
		level = slog.LevelWarn
	}
	f.log.Log(ctx, level, "the proxy did not take the certificates from files, trying again", "error", err)
	f.away = true
}
