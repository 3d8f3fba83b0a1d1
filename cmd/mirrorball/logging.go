package main

import (
	"flag"
	"io"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

// debugVerbosity is how far --log-level=debug goes. From 6 on client-go logs requests, and from 8 on their bodies: no
// flag reaches these, so that no Secret's content ever gets into a log.
const debugVerbosity = 4

// newLogger makes the process's logger, which the context carries to where it is used.
func newLogger(format, level string, out io.Writer) (logr.Logger, error) {
	least, err := parseLevel(level)
	if err != nil {
		return logr.Discard(), err
	}
	config := zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "msg",
		EncodeTime:     zapcore.RFC3339NanoTimeEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
		EncodeLevel:    encodeLevel,
	}
	var encoder zapcore.Encoder
	switch format {
	case "json":
		encoder = zapcore.NewJSONEncoder(config)
	case "console":
		encoder = zapcore.NewConsoleEncoder(config)
	default:
		return logr.Discard(), unable("--log-format %q: say json or console", format)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), least)
	return zapr.NewLogger(zap.New(core)), nil
}

func parseLevel(level string) (zapcore.Level, error) {
	switch level {
	case "debug":
		return -debugVerbosity, nil // logr's V(n) is zap's level -n
	case "info":
		return zapcore.InfoLevel, nil
	case "warn":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	}
	return 0, unable("--log-level %q: say debug, info, warn or error", level)
}

// encodeLevel names every V level debug, where zap would write Level(-3).
func encodeLevel(level zapcore.Level, encoder zapcore.PrimitiveArrayEncoder) {
	encoder.AppendString(max(level, zapcore.DebugLevel).String())
}

// adoptKlog makes client-go's own log lines come out of the logger.
func adoptKlog(logger logr.Logger) error {
	klog.SetLoggerWithOptions(logger, klog.ContextualLogger(true))
	if !logger.V(debugVerbosity).Enabled() {
		return nil
	}
	// Lines that client-go writes without a context pass klog's own threshold first.
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	return flags.Set("v", "4")
}
