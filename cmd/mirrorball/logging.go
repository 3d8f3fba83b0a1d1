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

// debugVerbosity is the verbosity of --log-level=debug. client-go logs requests from verbosity 6 and their bodies from
// verbosity 8. No flag sets these levels, so the data of Secrets is never logged.
const debugVerbosity = 4

// newLogger returns the logger of the process. It is passed on in the context.
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
		return logr.Discard(), unable("--log-format %q: must be json or console", format)
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
	return 0, unable("--log-level %q: must be debug, info, warn or error", level)
}

// encodeLevel writes every V level as debug, where zap would write Level(-3).
func encodeLevel(level zapcore.Level, encoder zapcore.PrimitiveArrayEncoder) {
	encoder.AppendString(max(level, zapcore.DebugLevel).String())
}

// adoptKlog sends the log lines of client-go to the logger.
func adoptKlog(logger logr.Logger) error {
	klog.SetLoggerWithOptions(logger, klog.ContextualLogger(true))
	if !logger.V(debugVerbosity).Enabled() {
		return nil
	}
	// klog has its own threshold for lines that client-go logs without a context.
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	return flags.Set("v", "4")
}
