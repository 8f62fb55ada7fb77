package certificate

import (
	"cmp"
	"context"
	"log/slog"
	"slices"

	"go.uber.org/zap/zapcore"
)

// slogCore writes the lines of certmagic, which logs by zap, to a slog.Logger.
type slogCore struct {
	log    *slog.Logger
	fields []zapcore.Field
}

// Enabled implements zapcore.LevelEnabler.
func (c slogCore) Enabled(l zapcore.Level) bool { return c.log.Enabled(context.Background(), level(l)) }

// With implements zapcore.Core.
func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{c.log, slices.Concat(c.fields, fields)}
}

// Check implements zapcore.Core.
func (c slogCore) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write implements zapcore.Core.
func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	encoder := zapcore.NewMapObjectEncoder()
	for _, f := range slices.Concat(c.fields, fields) {
		f.AddTo(encoder)
	}
	attributes := make([]slog.Attr, 0, len(encoder.Fields)+1)
	attributes = append(attributes, slog.String("part", e.LoggerName))
	for name, value := range encoder.Fields {
		attributes = append(attributes, slog.Any(name, value))
	}
	slices.SortFunc(attributes[1:], func(a, b slog.Attr) int { return cmp.Compare(a.Key, b.Key) })
	c.log.LogAttrs(context.Background(), level(e.Level), e.Message, attributes...) //nolint:sloglint // certmagic's own words
	return nil
}

// Sync implements zapcore.Core.
func (slogCore) Sync() error { return nil }

// level is one step lower than certmagic's from information on: it reports each step of each order as information, and
// each failed attempt as an error, which the state of the name tells as well.
func level(l zapcore.Level) slog.Level {
	if l <= zapcore.InfoLevel {
		return slog.LevelDebug
	}
	if l < zapcore.ErrorLevel {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}
