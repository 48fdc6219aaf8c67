/// \file
/// All of the compiler's API. Apps that only run artifacts include sparsmith/model.h (whole models; sparsmith/c_api.h
/// from C) or sparsmith/kernel.h (single layers) and link sparsmith_runtime.
#pragma once

#include "sparsmith/cache.h"
#include "sparsmith/calibrate.h"
#include "sparsmith/compile_model.h"
#include "sparsmith/compiler.h"
#include "sparsmith/emit_object.h"
#include "sparsmith/fused.h"
#include "sparsmith/image_layout.h"
#include "sparsmith/kernel.h"
#include "sparsmith/load.h"
#include "sparsmith/model.h"
#include "sparsmith/panel.h"
#include "sparsmith/parallel.h"
#include "sparsmith/pattern.h"
#include "sparsmith/plan.h"
#include "sparsmith/problem.h"
#include "sparsmith/result.h"
#include "sparsmith/strip.h"
#include "sparsmith/target.h"
#include "sparsmith/weights.h"
